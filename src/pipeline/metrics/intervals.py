"""How the interval of a metric follows from resamples of the test images.

An entry of the `catalogue` with an :class:`Interval` is bootstrapped, and its interval is what
`Interval.bounds` makes of its own value and of the resamples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.debiased import debiased, gap_sums, shifted_interval
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.proportions import proportion_interval, unseen
from pipeline.metrics.ranking import Bools, Floats, Ints

# Of fewer errors, or of fewer right images, resampling says too little of how they are ranked, and
# nothing of errors that these images happen not to have.
FEWEST = 5

Bounds = tuple[float, float]


def percentile_interval(resampled: Floats) -> Bounds:
    """The 95 % interval of a metric from its resamples [R]; where it is undefined, they are NaN.

    It holds for one network as it was trained: what another training would change is not in it.
    """
    if np.isnan(resampled).all():
        return np.nan, np.nan
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return float(low), float(high)


def percentiles(own: float, resampled: Floats, evaluation: Evaluation) -> Bounds:
    """`percentile_interval` in the form of `Interval.bounds`."""
    return percentile_interval(resampled)


def proportion(own: float, resampled: Floats, evaluation: Evaluation) -> Bounds:
    """The `proportion_interval` of a share of the images, which never has the width 0."""
    images = len(evaluation.correct)
    return proportion_interval(round(own * images), images)


def calibration(own: float, resampled: Floats, evaluation: Evaluation) -> Bounds:
    """`shifted_interval` of a calibration error, which is not below 0.

    Where errors are few, those that these images happen not to have make it wider.
    """
    low, high = shifted_interval(own, resampled)
    reach = unseen(len(evaluation.correct)) if rarer(evaluation) < FEWEST else 0.0
    return max(low - reach, 0.0), max(high + reach, 0.0)


def rarer(evaluation: Evaluation) -> int:
    """The number of errors or of right images, whichever is smaller."""
    right = int(evaluation.correct.sum())
    return min(right, len(evaluation.correct) - right)


def sizes_of_means(sums: Floats, images: int) -> Floats:
    """Σ |mean over the images| of the columns' sums [R, k]: of one column, its mean's size."""
    return np.asarray(np.abs(sums).sum(axis=1) / images)


@dataclass(frozen=True)
class Interval:
    """How a metric is resampled, and what bounds follow.

    Attributes:
        columns: numbers of each image, [N, k], from whose sums over a resample the metric follows.
        weighted: in place of columns, the metric of R resamples from how often each image is in
            them, [R, N]. A metric of the ranking has neither: it is computed of the resampled
            ranking.
        combine: from sums of the columns over R resamples, [R, k], and N to the metric, [R].
        bounds: from the value that the images themselves have, its resamples [R] and the evaluation
            to the low and the high bound.
        of_default: whether only the default definition of an uncertainty method is resampled.
        on_request: whether `interval` alone computes it, since it takes too long to score.
    """

    columns: Callable[[Evaluation], NDArray[Any]] | None = None
    weighted: Callable[[Evaluation, Ints], Floats] | None = None
    combine: Callable[[Floats, int], Floats] = sizes_of_means
    bounds: Callable[[float, Floats, Evaluation], Bounds] = percentiles
    of_default: bool = False
    on_request: bool = False

    @property
    def of_ranking(self) -> bool:
        """Whether the resampled ranking tells the metric."""
        return self.columns is None and self.weighted is None


def mean_of(
    values: Callable[[Evaluation], NDArray[Any]],
    bounds: Callable[[float, Floats, Evaluation], Bounds] = percentiles,
) -> Interval:
    """That of the mean of a number of each image, [N]."""
    return Interval(
        lambda e: values(e)[:, None],
        combine=lambda sums, images: sums[:, 0] / images,
        bounds=bounds,
    )


def error_of(
    confidence: Callable[[Evaluation], Floats],
    sums: Callable[[Floats, Bools, int], Floats] = gap_sums,
    *,
    on_request: bool = False,
) -> Interval:
    """That of the calibration error of a confidence [N], whose bins are those of the `sums`.

    Where the confidence is NaN, so are the resamples.
    """

    def columns(evaluation: Evaluation) -> Floats:
        found = confidence(evaluation)
        if np.isnan(found).any():
            return np.full((len(found), 2 * evaluation.bins), np.nan)
        return sums(found, evaluation.outcomes.wrong, evaluation.bins)

    return Interval(
        columns,
        combine=debiased,
        bounds=calibration,
        on_request=on_request,
    )
