"""Temperature scaling, each half of the images with the temperature that the other one asks for.

A network whose confidence is too high, or too low, for all images alike can be mended after its
training: its logits are divided by one number T (Guo et al., ICML 2017). Networks are compared with
and without it, since most of a difference in calibration is one of sharpness. T is cross-fitted, so
that no image is judged by a temperature that it has a part in (Ashukha et al., ICLR 2020):

    >>> scaled, (first, second) = cross_fitted(logits, labels, ids)

The two halves have different temperatures. So the predicted classes stay as they were, and what one
image has of calibration, but the order of the images by an uncertainty does not.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import PipelineError
from pipeline.metrics.halves import Clean, halves
from pipeline.metrics.outcomes import blocks
from pipeline.metrics.ranking import Floats

# Of the logarithm of the temperature.
PRECISION = 1e-11
STEPS = 100


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature T that minimises the mean negative log-likelihood of softmax(logits / T).

    That is a convex function of 1 / T, so there is one minimum at most. There is none where all
    images are right, which asks for T = 0, nor where the labels' mean logit is no larger than that
    of all classes, which asks for an infinite T.

    Args:
        logits: [N, C].
        labels: [N].

    Returns:
        T above 0, or NaN where there is no minimum or no image.
    """
    z, y = np.asarray(logits, np.float64), np.asarray(labels)
    if z.ndim != 2 or y.shape != z.shape[:1]:
        raise PipelineError(f"logits have shape {z.shape} and labels {y.shape}, expected [N, C], N")
    if len(z) == 0:
        return math.nan
    z = z - z[np.arange(len(z)), y][:, None]
    if z.mean() >= 0 or z.max() <= 0:
        return math.nan

    # The derivative by b = 1 / T rises with b. Its root is looked for at x = log b, by steps of
    # Newton's, of at most 2, where these stay between what is known to be below and above it.
    low, high, x = -math.inf, math.inf, -math.log(np.abs(z).mean())
    for _ in range(STEPS):
        slope, curvature = _slope(z, math.exp(x))
        low, high = (x, high) if slope < 0 else (low, x)
        rise = curvature * math.exp(x)
        step = -slope / rise if rise > 0 else -math.copysign(math.inf, slope)
        if abs(step) < PRECISION or high - low < PRECISION:
            break
        x += max(-2.0, min(2.0, step))
        if not low < x < high:
            x = (low + high) / 2
    return math.exp(-x)


def _slope(z: Floats, inverse: float) -> tuple[float, float]:
    """First and second derivative of the mean NLL by 1 / T; the labels' logits are 0."""
    slope = curvature = 0.0
    for rows in blocks(*z.shape):
        part = z[rows]
        odds = np.exp(inverse * (part - part.max(axis=1, keepdims=True)))
        odds /= odds.sum(axis=1, keepdims=True)
        mean = np.einsum("nc,nc->n", odds, part)
        slope += float(mean.sum())
        curvature += float((np.einsum("nc,nc,nc->n", odds, part, part) - mean**2).sum())
    return slope / len(z), curvature / len(z)


def cross_fitted(
    logits: ArrayLike, labels: ArrayLike, ids: ArrayLike, *, clean: Clean | None = None
) -> tuple[Floats, tuple[float, float]]:
    """Probabilities after temperature scaling, each half with the temperature of the other.

    Args:
        logits: mean logits [N, C].
        labels: [N]; of no use where `clean` is given.
        ids: [N], which tell the `halves`.
        clean: logits [M, C], labels [M] and ids [M] of other images to fit the temperatures to, by
            the same halves: of shifted images those that they were made from. By default `logits`,
            `labels` and `ids`.

    Returns:
        Probabilities [N, C], NaN where there is no temperature; and the temperatures fitted to the
        images that are not in `halves`, which those in it are divided by, and to those that are.
    """
    z, second = np.asarray(logits, np.float64), halves(ids)
    found = temperatures(*((z, labels, ids) if clean is None else clean))
    return np.exp(log_softmax(z / np.where(second, *found)[:, None])), found


def temperatures(logits: ArrayLike, labels: ArrayLike, ids: ArrayLike) -> tuple[float, float]:
    """Those that `cross_fitted` finds."""
    z, y, second = np.asarray(logits, np.float64), np.asarray(labels), halves(ids)
    first, other = (fit_temperature(z[half], y[half]) for half in (~second, second))
    return first, other


def log_softmax(z: Floats) -> Floats:
    """Logarithms of the probabilities [N, C] of logits [N, C]."""
    below = z - z.max(axis=1, keepdims=True)
    return np.asarray(below - np.log(np.exp(below).sum(axis=1, keepdims=True)))
