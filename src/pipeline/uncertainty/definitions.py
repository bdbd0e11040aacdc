"""The definitions of uncertainty: what each is called, and its formula.

>>> probabilities, prediction, uncertainties = define(z, ["msp", "entropy"])
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# What tables and figures call each definition; the formulas are in `estimation.estimate`.
DEFINITIONS = {
    "logit_variance": "variance of the logits",
    "probability_variance": "variance of the probabilities",
    "max_probability": "1 − largest mean probability",
    "entropy": "entropy",
    "mutual_information": "mutual information",
    "msp": "1 − p[ŷ]",
}
# Those that compare samples, so they need two.
DISAGREEMENT = ("logit_variance", "probability_variance", "mutual_information")


def _softmax(z: Floats) -> tuple[Floats, Floats]:
    """Probabilities [..., C], and 1 − the largest one [...].

    The latter is -expm1(log p) for p = 1 / (1 + the other classes' odds), and exact where p rounds
    to 1: confident predictions stay ranked.
    """
    odds = np.exp(z - z.max(axis=-1, keepdims=True))
    largest = odds.argmax(axis=-1)[..., None]
    np.put_along_axis(odds, largest, 0.0, axis=-1)
    others = odds.sum(axis=-1, keepdims=True)
    np.put_along_axis(odds, largest, 1.0, axis=-1)
    odds /= 1 + others
    return odds, -np.expm1(-np.log1p(others[..., 0]))


def _entropy(p: Floats) -> Floats:
    return np.asarray(-np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=-1))


def define(z: Floats, scores: Sequence[str]) -> tuple[Floats, NDArray[np.int64], dict[str, Floats]]:
    """Probabilities [n, C], predictions [n] and uncertainties [n] of logits [S, n, C]."""
    p, remainder = _softmax(z.mean(axis=0))
    prediction = p.argmax(axis=1)
    images = np.arange(len(prediction))
    values = {"msp": remainder}
    if "logit_variance" in scores:
        values["logit_variance"] = z[:, images, prediction].var(axis=0)
    if set(scores) <= values.keys():
        return p, prediction, values

    each = p[None] if len(z) == 1 else _softmax(z)[0]
    mean = each.mean(axis=0)
    if "probability_variance" in scores:
        values["probability_variance"] = each[:, images, prediction].var(axis=0)
    if "entropy" in scores or "mutual_information" in scores:
        values["entropy"] = _entropy(mean)
    if "mutual_information" in scores:
        # Rounding alone can bring it below 0.
        information = values["entropy"] - _entropy(each).mean(axis=0)
        values["mutual_information"] = np.maximum(information, 0.0)
    if "max_probability" in scores:
        # The sum of the others is 1 − the largest without its rounding.
        mean[images, mean.argmax(axis=1)] = 0.0
        values["max_probability"] = mean.sum(axis=1)
    return p, prediction, values
