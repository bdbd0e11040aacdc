"""The calibration error without the bias of its plug-in estimate, and intervals that cover.

The plain `ece` adds up the sizes of the bins' gaps, and a gap that is only noise has a size, too:
the mean of `ece` lies above the truth, and resampling adds the same bias once more. Here each bin's
share of noise is estimated and subtracted (after Kumar, Liang & Ma, Verified Uncertainty
Calibration, NeurIPS 2019).

All that it needs of the images is, for each bin, the sum S of their gaps (confidence − correct) and
the sum Q of the squared gaps, so a resample with count weights is two sums for each bin.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from pipeline.metrics.calibration import adaptive_gap_columns, gap_columns
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.ranking import Bools, Floats, Ints

# The normal distribution's 97.5 % quantile.
Z = 1.959963984540054


def ece_debiased(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 15) -> float:
    """Expected calibration error, corrected for its bias and never below 0.

    Where the confidence is calibrated, its mean before the cut at 0 is 0, while that of `ece` is
    the larger the fewer images there are. The arguments are those of `ece`.
    """
    columns = gap_sums(confidence, ~np.asarray(correct, np.bool_), bins)
    return max(0.0, debiased(columns.sum(axis=0), len(columns)).item())


def gap_sums(confidence: ArrayLike, wrong: Bools, bins: int) -> Floats:
    """Each image's gap in the column of its bin, then its squared gap: [N, 2 bins]."""
    return _with_squares(gap_columns(confidence, wrong, bins))


def adaptive_gap_sums(confidence: ArrayLike, wrong: Bools, bins: int) -> Floats:
    """The `gap_sums` of the bins of `adaptive_ece`, which are those of the images as they are."""
    return _with_squares(adaptive_gap_columns(confidence, wrong, bins))


def _with_squares(gaps: Floats) -> Floats:
    return np.concatenate([gaps, gaps**2], axis=1)


def classwise_debiased(evaluation: Evaluation, weights: Ints) -> Floats:
    """The mean over the classes of the corrected `classwise_ece` of R resamples, [R].

    Args:
        evaluation: of the N images.
        weights: how often each image is in each resample, [R, N].
    """
    labels, drawn = evaluation.labels, weights.astype(np.float64)
    total = np.zeros(len(weights))
    for label, column in enumerate(evaluation.probabilities.T):
        total += debiased(drawn @ gap_sums(column, labels != label, evaluation.bins), len(labels))
    return np.asarray(total / evaluation.probabilities.shape[1])


def debiased(sums: Floats, images: int) -> Floats:
    """The corrected calibration error, which may be negative, from sums of `gap_sums`.

    Of a bin with x = S / N and s² = (Q / N − x²) / N it counts |x| − (1 + √2)(F − |x|). There F is
    the mean size of a normal variable of mean x and deviation s; the factor makes the mean 0 where
    the bin is calibrated.

    Args:
        sums: S of every bin, then Q of every bin: [..., 2 bins].
        images: N.

    Returns:
        [...].
    """
    gap, squared = np.split(sums / images, 2, axis=-1)
    size = np.abs(gap)
    deviation = np.sqrt(np.maximum(squared - gap**2, 0) / images)
    # Rounding leaves a little of a variance that is 0.
    deviation[deviation**2 * images <= 1e-14 * squared] = 0
    scaled = np.divide(size, deviation, out=np.full_like(size, np.inf), where=deviation > 0)
    noise = 2 * deviation * _density(scaled) - 2 * size * _tail(scaled)
    return np.asarray((size - (1 + math.sqrt(2)) * noise).sum(axis=-1))


def shifted_interval(value: float, resampled: Floats) -> tuple[float, float]:
    """The interval of a value that resampling shifts: at least 95 % near 0, about 95 % elsewhere.

    It is normal around the value and reaches further in the direction of the shift.

    Args:
        value: from the images themselves; of two networks the difference of their values.
        resampled: the same of each resample [R].
    """
    shift, reach = float(resampled.mean() - value), Z * float(resampled.std())
    return value - reach + min(shift, 0), value + reach + max(shift, 0)


def _density(x: Floats) -> Floats:
    """Of the standard normal distribution."""
    return np.asarray(np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi))


def _tail(x: Floats) -> Floats:
    """Probability of more than `x` ≥ 0 under the standard normal distribution."""
    tail = np.zeros_like(x)
    # Beyond, the tail is less than 1e-23, and most bins are calibrated worse than that.
    near = x < 10
    tail[near] = [0.5 * math.erfc(each) for each in (x[near] / math.sqrt(2)).tolist()]
    return tail
