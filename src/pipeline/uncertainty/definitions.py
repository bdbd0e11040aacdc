"""The definitions of uncertainty: what each is called, and its formula.

>>> probabilities, prediction, uncertainties = define(z, z.mean(axis=0), ["msp", "entropy"])
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
    "expected_entropy": "expected entropy",
    "disagreement": "disagreement",
    "max_logit": "− largest logit",
    "energy": "energy",
    "msp": "1 − p[ŷ]",
}
# Those that compare samples, so they need two.
COMPARING_SAMPLES = ("logit_variance", "probability_variance", "mutual_information", "disagreement")
# Those that follow from the samples' probabilities.
OF_PROBABILITIES = {
    *("probability_variance", "max_probability", "entropy", "mutual_information"),
    "expected_entropy",
}


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


def define(
    z: Floats, mean_logits: Floats, scores: Sequence[str]
) -> tuple[Floats, NDArray[np.int64], dict[str, Floats]]:
    """Probabilities [n, C], predictions [n] and uncertainties [n] of logits [S, n, C].

    Where a probability rounds to 1, its distance from 1 is taken as the sum of the others: what
    confident samples disagree in is not lost.
    """
    p, remainder = _softmax(mean_logits)
    prediction = p.argmax(axis=1)
    images = np.arange(len(prediction))
    values = {"msp": remainder}
    if "logit_variance" in scores:
        values["logit_variance"] = z[:, images, prediction].var(axis=0)
    if "max_logit" in scores:
        values["max_logit"] = -mean_logits.max(axis=1)
    if "energy" in scores:
        # Of p[ŷ] = exp(largest) / Σ exp the logarithm, unrounded where p[ŷ] is near 1.
        values["energy"] = np.log1p(-remainder) - mean_logits.max(axis=1)
    if "disagreement" in scores:
        values["disagreement"] = _disagreement(z.argmax(axis=-1))
    if not OF_PROBABILITIES & set(scores):
        return p, prediction, values

    each = p[None] if len(z) == 1 else _softmax(z)[0]
    mean = each.mean(axis=0)
    if "probability_variance" in scores:
        chosen = each[:, images, prediction]
        # A variance is that of the distances from 1, too; the smaller numbers are the exact ones.
        near_one = chosen.mean(axis=0) > 0.5
        rest = _others(each, prediction)
        values["probability_variance"] = np.where(near_one, rest, chosen).var(axis=0)
    if "expected_entropy" in scores:
        values["expected_entropy"] = _expected_entropy(each)
    if {"max_probability", "entropy", "mutual_information"} & set(scores):
        largest = mean.argmax(axis=1)
        others = _others(mean, largest)
        values["max_probability"] = others
        if "entropy" in scores:
            values["entropy"] = _entropy(mean, largest, others)
        if "mutual_information" in scores:
            values["mutual_information"] = _divergence(each, mean, largest, others)
    return p, prediction, values


def _disagreement(predictions: NDArray[np.int64]) -> Floats:
    """Share [n] of the pairs of samples that predict different classes, of predictions [S, n]."""
    samples, images = predictions.shape
    # How many samples predict each class, of which as many pairs agree as the squares tell.
    votes = np.zeros((images, int(predictions.max()) + 1), np.int64)
    for each in predictions:
        votes[np.arange(images), each] += 1
    ordered = samples * (samples - 1)
    return np.asarray((ordered + samples - (votes**2).sum(axis=1)) / ordered)


def _expected_entropy(each: Floats) -> Floats:
    """Mean [n] of the entropies of the samples' distributions [S, n, C]."""
    total = np.zeros(each.shape[1])
    for sample in each:
        largest = sample.argmax(axis=1)
        total += _entropy(sample, largest, _others(sample, largest))
    return total / len(each)


def _others(p: Floats, left_out: NDArray[np.int64]) -> Floats:
    """Sum [...] of the probabilities [..., n, C] but one of each image: 1 − that, unrounded."""
    index = np.broadcast_to(left_out[:, None], (*p.shape[:-1], 1))
    kept = np.take_along_axis(p, index, axis=-1)
    np.put_along_axis(p, index, 0.0, axis=-1)
    others = p.sum(axis=-1)
    np.put_along_axis(p, index, kept, axis=-1)
    return np.asarray(others)


def _entropy(p: Floats, largest: NDArray[np.int64], others: Floats) -> Floats:
    """Entropy [n] of distributions [n, C], from `others`, which is 1 − the largest of each."""
    terms = p * np.log(np.where(p > 0, p, 1.0))
    terms[np.arange(len(p)), largest] = (1 - others) * np.log1p(-others)
    return np.asarray(-terms.sum(axis=-1))


def _divergence(each: Floats, mean: Floats, largest: NDArray[np.int64], others: Floats) -> Floats:
    """Mean Kullback-Leibler divergence [n] of the samples [S, n, C] from their mean [n, C].

    That is the mutual information, as a sum of terms none of which is below 0: with the quotient
    1 + d of a sample's probability and the mean, each is the mean · ((1 + d) log(1 + d) − d).
    """
    divisor = np.where(mean > 0, mean, 1.0)
    images = np.arange(len(mean))
    total = np.zeros(len(mean))
    for sample in each:
        d = (sample - mean) / divisor
        # Both round to 1 here; what they miss of it does not.
        d[images, largest] = (others - _others(sample, largest)) / divisor[images, largest]
        logarithm = np.log1p(np.maximum(d, -1.0), out=np.zeros_like(d), where=d > -1)
        total += np.einsum("nc,nc->n", mean, (1 + d) * logarithm - d)
    return np.maximum(total / len(each), 0.0)
