"""How well confidence matches accuracy: expected calibration errors and reliability diagrams."""

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import PipelineError
from pipeline.metrics.outcomes import TOLERANCE, blocks, check_distributions, check_shapes
from pipeline.metrics.ranking import Bools, Floats, Ints, ratio


def ece(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 15) -> float:
    """Expected calibration error (Naeini et al., 2015).

    Args:
        confidence: [N], in [0, 1].
        correct: [N], whether the prediction is right.
        bins: number of equally wide bins (a, b], the first with its lower edge.
    """
    confidence, correct = _paired(confidence, correct, bins)
    return _calibration_error(_bin(confidence, bins), confidence, correct)


def adaptive_ece(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 15) -> float:
    """Calibration error over bins of equally many images (Nguyen & O'Connor, 2015).

    Where `bins` does not divide N, the first bins hold one more. Images of equal confidence stay
    together, in the lower bin, so the order of the images does not matter. The arguments are those
    of `ece`.
    """
    confidence, correct = _paired(confidence, correct, bins)
    return _calibration_error(_equal_bins(confidence, bins), confidence, correct)


def classwise_ece(P: ArrayLike, y: ArrayLike, *, bins: int = 15) -> float:
    """Mean over the classes c of the `ece` of P[c] against y = c (Kull et al., 2019)."""
    P, y = np.asarray(P, np.float64), np.asarray(y)
    check_shapes(P, y)
    _check_bins(bins)
    images, classes = P.shape
    gaps = np.zeros(classes * bins)
    for rows in blocks(images, classes):
        check_distributions(P[rows], rows.start)
        bin_of = _bin(P[rows], bins) + bins * np.arange(classes)
        gap = P[rows].copy()
        gap[np.arange(len(gap)), y[rows]] -= 1
        gaps += np.bincount(bin_of.ravel(), gap.ravel(), minlength=gaps.size)
    return float(np.abs(gaps).sum() / (images * classes))


def reliability_bins(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 15) -> Floats:
    """Mean confidence, accuracy and number of images of every bin of `ece`: [bins, 3].

    The first two are NaN in an empty bin. The arguments are those of `ece`.
    """
    confidence, correct = _paired(confidence, correct, bins)
    bin_of = _bin(confidence, bins)
    count = np.bincount(bin_of, minlength=bins)
    sums = (np.bincount(bin_of, values, minlength=bins) for values in (confidence, correct))
    return np.column_stack([*(ratio(values, count) for values in sums), count])


def gap_columns(confidence: ArrayLike, wrong: Bools, bins: int) -> Floats:
    """Confidence − correctness [N, bins] of each image in its bin's column, 0 in the others."""
    confidence, correct = _paired(confidence, ~wrong, bins)
    return _columns(_bin(confidence, bins), confidence - correct, bins)


def adaptive_gap_columns(confidence: ArrayLike, wrong: Bools, bins: int) -> Floats:
    """The same for the bins of `adaptive_ece`."""
    confidence, correct = _paired(confidence, ~wrong, bins)
    return _columns(_equal_bins(confidence, bins), confidence - correct, bins)


def _columns(bin_of: Ints, gaps: Floats, bins: int) -> Floats:
    columns = np.zeros((len(gaps), bins))
    columns[np.arange(len(gaps)), bin_of] = gaps
    return columns


def _paired(confidence: ArrayLike, correct: ArrayLike, bins: int) -> tuple[Floats, Floats]:
    confidence, correct = np.asarray(confidence, np.float64), np.asarray(correct)
    if confidence.ndim != 1 or len(confidence) < 1 or correct.shape != confidence.shape:
        raise PipelineError(
            f"confidence has shape {confidence.shape} and correct {correct.shape}, "
            "expected one number each for at least 1 image"
        )
    low, high = confidence.min(), confidence.max()
    if not (low >= 0 and high <= 1 + TOLERANCE):
        raise PipelineError(f"confidence runs from {low} to {high}, expected numbers in [0, 1]")
    other = correct[~np.isin(correct, (0, 1))]
    if len(other):
        raise PipelineError(f"correct holds {other[0]}, expected true and false")
    _check_bins(bins)
    return confidence, correct.astype(np.float64)


def _check_bins(bins: int) -> None:
    if bins < 1:
        raise PipelineError(f"bins is {bins}, expected at least 1")


def _bin(confidence: Floats, bins: int) -> Ints:
    """Which of the bins (k / bins, (k + 1) / bins] each number is in; 0 is in the first."""
    return np.searchsorted(np.arange(1, bins) / bins, confidence)


def _equal_bins(confidence: Floats, bins: int) -> Ints:
    """Which of the bins of equally many images each is in."""
    size, larger = divmod(len(confidence), bins)
    last = np.cumsum(np.where(np.arange(bins) < larger, size + 1, size)) - 1
    return np.searchsorted(np.sort(confidence)[last[last >= 0]], confidence)


def _calibration_error(bin_of: Ints, confidence: Floats, correct: Floats) -> float:
    gaps = np.bincount(bin_of, confidence - correct)
    return float(np.abs(gaps).sum() / len(confidence))
