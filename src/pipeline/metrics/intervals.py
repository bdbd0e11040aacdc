"""How the interval of a metric follows from resamples of the test images.

An entry of the `catalogue` with an :class:`Interval` is bootstrapped, and its interval is what
`Interval.bounds` makes of the value and of the resamples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.ranking import Floats


def percentile_interval(resampled: Floats) -> tuple[float, float]:
    """The 95 % interval of a metric from its resamples [R].

    It holds for one network as it was trained: what another training would change is not in it.
    """
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(low), float(high)


def percentiles(value: float, resampled: Floats) -> tuple[float, float]:
    """`percentile_interval` in the form of `Interval.bounds`."""
    return percentile_interval(resampled)


def sizes_of_means(sums: Floats, images: int) -> Floats:
    """Σ |mean over the images| of the columns' sums [R, k]: of one column, its mean's size."""
    return np.asarray(np.abs(sums).sum(axis=1) / images)


@dataclass(frozen=True)
class Interval:
    """How a metric is resampled, and what bounds follow.

    Attributes:
        columns: numbers of each image, [N, k], from whose sums over a resample the metric follows;
            None for a metric of the ranking, which is computed of the resampled ranking.
        combine: from these sums of R resamples, [R, k], and N to the metric, [R].
        bounds: from the metric's value and its resamples [R] to the low and the high bound.
    """

    columns: Callable[[Evaluation], NDArray[Any]] | None = None
    combine: Callable[[Floats, int], Floats] = sizes_of_means
    bounds: Callable[[float, Floats], tuple[float, float]] = percentiles
