"""How well an uncertainty tells images of another data set from a network's own test images.

A metric of two test sets, so it is none of the catalogue. Images of the other data set are the
positives, as errors are where an uncertainty is to find these.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.metrics.few_errors import t_percentiles
from pipeline.metrics.outcomes import blocks
from pipeline.metrics.proportions import unseen
from pipeline.metrics.ranking import Floats, Ints, Ranking
from pipeline.registry import UNCERTAINTIES
from pipeline.uncertainty import Estimate, Logits

AUROC, FPR95 = "ood_auroc", "ood_fpr95"
# What tables and figures call them, and which way is better.
LABELS = {AUROC: "AUROC of OOD", FPR95: "FPR95 of OOD"}
HIGHER_IS_BETTER = {AUROC: True, FPR95: False}


def detection(own: ArrayLike, other: ArrayLike) -> dict[str, float]:
    """AUROC and FPR95 from the uncertainties of own images [N] and of others [M].

    AUROC is the probability that another image is more uncertain than an own one, ties counting
    half. FPR95 is the share of the own images that are above the highest threshold which 95 % of
    the others reach (Hendrycks & Gimpel, ICLR 2017; OpenOOD v1.5 counts the same way).
    """
    ranking = _ranking(np.asarray(own), np.asarray(other))
    found = ranking.retained()
    return {AUROC: found.auroc().item(), FPR95: found.fpr95().item()}


def resampled(
    own: ArrayLike, other: ArrayLike, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Floats]:
    """The same of resamples [R]: both kinds of images are drawn, each as often as there are.

    Own images are drawn as in all other metrics of as many resamples and this seed.
    """
    own, other = np.asarray(own), np.asarray(other)
    ranking = _ranking(own, other)
    found: dict[str, list[Floats]] = {AUROC: [], FPR95: []}
    for weights in _weights(len(own), len(other), resamples, seed):
        retained = ranking.retained(weights)
        found[AUROC].append(retained.auroc())
        found[FPR95].append(retained.fpr95())
    return {key: np.concatenate(values) for key, values in found.items()}


def interval(value: float, resampled: Floats, own: int, other: int) -> dict[str, float | None]:
    """The 95 % interval from resamples [R] of so many own and other images, None where too few.

    It is never a point: what no image happened to show may be there.
    """
    few = min(own, other)
    low, high = t_percentiles(resampled, few)
    if np.isnan(low):
        return {"low": None, "high": None}
    reach = unseen(few) if value in (0, 1) else 0.0
    return {"low": max(low - reach, 0.0), "high": min(high + reach, 1.0)}


def score_detection(
    own: Logits,
    other: Logits,
    *,
    method: str,
    options: Mapping[str, Any],
    bootstrap: int = 1000,
    seed: int = 0,
) -> tuple[dict[str, Any], dict[str, NDArray[np.floating[Any]]]]:
    """What `scoring.score` returns, of images that have no label: no accuracy, no curves.

    Args:
        own: logits of the data set's test images, as in `scoring.score`.
        other: logits of the same networks, of the other data set's images.
        method: as in `scoring.score`.
        options: as in `scoring.score`.
        bootstrap: number of resamples for the intervals, 0 for none.
        seed: of the resamples.
    """
    estimate = UNCERTAINTIES.load(method).estimates
    ours: dict[str, Estimate] = estimate(own, **options)
    others: dict[str, Estimate] = estimate(other, **options)
    default = next(iter(ours))
    definitions: dict[str, dict[str, dict[str, float | None]]] = {}
    curves: dict[str, NDArray[np.floating[Any]]] = {}
    for name in ours:
        pair = ours[name].uncertainty, others[name].uncertainty
        found = detection(*pair)
        entries: dict[str, dict[str, float | None]] = {
            metric: {"value": value} for metric, value in found.items()
        }
        if bootstrap:
            drawn = resampled(*pair, resamples=bootstrap, seed=seed)
            for metric, values in drawn.items():
                entries[metric] |= interval(found[metric], values, *map(len, pair))
                if name == default:
                    curves[f"{name}/resamples/{metric}"] = values.astype(np.float32)
                    curves[f"{name}/own/{metric}"] = np.asarray(found[metric])
        definitions[name] = entries
    images, classes = others[default].probabilities.shape
    samples = len(own) if isinstance(own, np.ndarray) else sum(map(len, own))
    content = {
        "samples": samples,
        "images": images,
        "classes": classes,
        "default": default,
        "definitions": definitions,
    }
    return content, curves


def _ranking(own: Floats, other: Floats) -> Ranking:
    positive = np.repeat([False, True], [len(own), len(other)])
    return Ranking(np.concatenate([own, other]), positive)


def _weights(own: int, other: int, resamples: int, seed: int) -> Iterator[Ints]:
    """How often each image is in each resample, [r, N + M]."""
    generators = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    counts = own, other
    for rows in blocks(resamples, own + other):
        parts = [
            [
                np.bincount(row, minlength=count)
                for row in generator.integers(count, size=(rows.stop - rows.start, count))
            ]
            for generator, count in zip(generators, counts, strict=True)
        ]
        yield np.concatenate(parts, axis=1)
