"""The calibration of an uncertainty that is scaled between two of its quantiles.

The paper's confidence of an ensemble is 1 − u, scaled from the least to the most uncertain image.
These two move with the number of images, so that it has no true calibration error which more images
would come nearer to. Between two quantiles there is one, provided that every resample has its own
quantiles: that they are estimated, too, is part of what an interval tells.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.metrics.debiased import debiased, gap_sums
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.ranking import Bools, Floats, Ints

# The share of the images beyond each of the two quantiles.
CLIP = 0.05


class ClippedUncertainty:
    """N images in the order of their uncertainty, for the sums of gaps of resamples.

    Args:
        uncertainty: [N].
        wrong: [N], whether the image is classified wrongly.
        clip: the confidence is 1 at the quantile `clip` of the uncertainty and below, 0 at
            the quantile 1 − `clip` and above, and linear between them.
    """

    def __init__(self, uncertainty: ArrayLike, wrong: Bools, clip: float = CLIP) -> None:
        u = np.asarray(uncertainty, np.float64)
        self.order = np.argsort(u, kind="stable")
        self.u, self.wrong, self.clip = u[self.order], wrong[self.order], clip

    def confidence(self) -> Floats:
        """Of the images as they are, [N], in the order in which they were given."""
        found = np.empty(len(self.u))
        low, high = np.quantile(self.u, [self.clip, 1 - self.clip])
        found[self.order] = _confidence(self.u, low, high)
        return found

    def sums(self, weights: Ints, bins: int) -> Floats:
        """The `gap_sums` of R resamples, [R, 2 bins], from how often each image is in them.

        Along the images the confidence is 1, then falls linearly in u, then is 0. So every bin is
        a run of images, and running sums of a few columns, read at its ends, tell its gaps.
        """
        drawn = np.take(weights, self.order, axis=1)
        running = np.cumsum(drawn, axis=1)
        low, high = (self._quantiles(running, each) for each in (self.clip, 1 - self.clip))
        ends = self._ends(low, high, bins)
        right, u = self._right, self._scaled
        images, right_images, first, second, right_first = (
            np.diff(_read(sums, ends), axis=1)
            for sums in (running, *(np.cumsum(drawn * each, axis=1)
                                    for each in (right, u, u**2, right * u)))
        )  # fmt: skip

        # Of a run, Σ c, Σ c² and Σ c · right, where c = level + slope u.
        width = (high - low)[:, None]
        slope = np.divide(-1.0, width, out=np.zeros_like(width), where=width > 0)
        level = 1 - slope * low[:, None]
        slope, level = (np.repeat(each, bins + 2, axis=1) for each in (slope, level))
        slope[:, [0, -1]], level[:, 0], level[:, -1] = 0, 1, 0
        confidence = level * images + slope * first
        squared = level**2 * images + 2 * level * slope * first + slope**2 * second
        product = level * right_images + slope * right_first
        return np.concatenate(
            [_bins(confidence - right_images), _bins(squared - 2 * product + right_images)], axis=1
        )

    def _quantiles(self, running: Ints, share: float) -> Floats:
        """As `numpy.quantile` has them, of each resample with counts up to each image, [R]."""
        place = (running[0, -1] - 1) * share
        below, above = (
            self._scaled[np.sum(running <= number, axis=1)]
            for number in (np.floor(place), np.ceil(place))
        )
        return np.asarray(below + (place - np.floor(place)) * (above - below))

    def _ends(self, low: Floats, high: Floats, bins: int) -> Ints:
        """Where the runs begin and end, the most confident first, [R, bins + 3]."""
        steps = np.arange(1, bins) / bins
        edges = low[:, None] + (high - low)[:, None] * steps
        ends = np.zeros((len(low), bins + 3), np.int64)
        ends[:, 1] = np.searchsorted(self._scaled, low, side="right")
        ends[:, 2:-2] = np.searchsorted(self._scaled, edges)
        ends[:, -2] = np.searchsorted(self._scaled, high)
        ends[:, -1] = len(self.u)
        # Where both quantiles are equal, all images are most confident.
        ends[low == high, 1:] = len(self.u)
        return np.maximum.accumulate(ends, axis=1)

    @cached_property
    def _scaled(self) -> Floats:
        """The uncertainty in units in which squares lose nothing."""
        low, high = np.quantile(self.u, [self.clip, 1 - self.clip])
        return np.asarray((self.u - low) / (high - low or 1.0))

    @cached_property
    def _right(self) -> Floats:
        return (~self.wrong).astype(np.float64)


def _read(running: NDArray[Any], ends: Ints) -> Floats:
    """Running sums of rows up to, and without, the given places of each row."""
    read = np.take_along_axis(running, np.maximum(ends - 1, 0), axis=1).astype(np.float64)
    read[ends == 0] = 0
    return read


def _bins(runs: Floats) -> Floats:
    """From runs to bins, the least confident first: both outer runs belong to the bins beside."""
    runs[:, 1] += runs[:, 0]
    runs[:, -2] += runs[:, -1]
    return runs[:, -2:0:-1]


def _confidence(u: Floats, low: float, high: float) -> Floats:
    if low == high:
        return np.ones_like(u)
    return np.asarray(1 - (u.clip(low, high) - low) / (high - low))


def clipped_error(evaluation: Evaluation, weights: Ints | None = None) -> Floats:
    """The debiased calibration error of R resamples, [R], or of the images themselves.

    It is that of p[ŷ], or of another uncertainty between its quantiles.

    Args:
        evaluation: of the N images.
        weights: how often each image is in each resample, [R, N].
    """
    images, wrong = len(evaluation.labels), evaluation.outcomes.wrong
    weights = np.ones((1, images), np.int64) if weights is None else weights
    if np.array_equal(evaluation.confidence, evaluation.outcomes.confidence):
        sums = weights @ gap_sums(evaluation.confidence, wrong, evaluation.bins)
    else:
        clipped = ClippedUncertainty(evaluation.uncertainty, wrong)
        sums = clipped.sums(weights, evaluation.bins)
    return debiased(sums, images)
