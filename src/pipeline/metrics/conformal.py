"""Conformal sets: classes that hold the label of nine images in ten, whatever the network is.

How large the sets must be says what the network knows. On images that are not like those that the
threshold was taken from, how often they hold the label says what it does not know.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import PipelineError
from pipeline.metrics.halves import Clean, dice, halves
from pipeline.metrics.outcomes import blocks
from pipeline.metrics.ranking import Bools, Floats

Method = Literal["lac", "aps"]

# 1 − α, the share of the images whose set shall hold the label.
LEVEL = 0.9


def conformal_sets(
    P: ArrayLike,
    labels: ArrayLike,
    ids: ArrayLike,
    *,
    method: Method = "lac",
    level: float = LEVEL,
    clean: Clean | None = None,
) -> Bools:
    """Which classes are in the set of each image, [N, C], by the threshold of the other half.

    The score of a class c is 1 − P[c] for "lac" (Sadinle, Lei & Wasserman, JASA 2019), and for
    "aps" Σ P[c'] over the classes c' before c, from the most probable one on, + U P[c] with a
    number U in [0, 1) that the image's id tells (Romano, Sesia & Candès, NeurIPS 2020). In the set
    are the classes whose score is at most the ⌈(n + 1) · `level`⌉-th smallest of those that the n
    labels of the other half have, and all classes where that is more than n. A set may be empty: of
    a network that is right more often than `level` some must be.

    Args:
        P: probabilities [N, C].
        labels: [N]; of no use where `clean` is given.
        ids: [N]; see `halves`.
        method: "lac" or "aps".
        level: 1 − α, in (0, 1).
        clean: probabilities, labels and ids of other images that the thresholds are taken from; by
            default `P`, `labels` and `ids`.
    """
    if method not in ("lac", "aps") or not 0 < level < 1:
        raise PipelineError(f"method is {method!r} and level {level}, expected lac or aps, (0, 1)")
    P, luck, second = np.asarray(P, np.float64), dice(ids), halves(ids)
    first, other = _thresholds((P, labels, ids) if clean is None else clean, method, level)
    threshold = np.where(second, first, other)[:, None]
    sets = np.empty(P.shape, np.bool_)
    for rows in blocks(*P.shape):
        sets[rows] = _scores(P[rows], luck[rows], method) <= threshold[rows]
    return sets


def _thresholds(images: Clean, method: Method, level: float) -> tuple[float, float]:
    """Those of the images that are not in `halves`, and of those that are."""
    probabilities, labels, ids = images
    P, y = np.asarray(probabilities, np.float64), np.asarray(labels)
    luck, second = dice(ids), halves(ids)
    own = np.empty(len(P))
    for rows in blocks(*P.shape):
        own[rows] = _label_scores(P[rows], y[rows], luck[rows], method)
    return _threshold(own[~second], level), _threshold(own[second], level)


def _threshold(scores: Floats, level: float) -> float:
    # Rounding must not make 91 of 90 + 1e-14.
    place = math.ceil(round((len(scores) + 1) * level, 9))
    return math.inf if place > len(scores) else float(np.partition(scores, place - 1)[place - 1])


def _label_scores(P: Floats, y: NDArray[np.integer], luck: Floats, method: Method) -> Floats:
    """Of the label of each image, [n]: those of `_scores` without a sort."""
    likelihood = np.take_along_axis(P, y[:, None], axis=1)
    if method == "lac":
        return 1 - likelihood[:, 0]
    before = (likelihood < P) | ((likelihood == P) & (np.arange(P.shape[1]) < y[:, None]))
    return np.asarray((P * before).sum(axis=1) + luck * likelihood[:, 0])


def _scores(P: Floats, luck: Floats, method: Method) -> Floats:
    """Of every class, [n, C]."""
    if method == "lac":
        return 1 - P
    order = np.argsort(-P, axis=1, kind="stable")
    sorted_ = np.take_along_axis(P, order, axis=1)
    before = np.cumsum(sorted_, axis=1) - sorted_
    scores = np.empty_like(P)
    np.put_along_axis(scores, order, before + luck[:, None] * sorted_, axis=1)
    return scores
