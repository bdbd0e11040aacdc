"""An entry of the `catalogue`: what a metric is called, and how it is computed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.intervals import Interval

# What a metric depends on: the probabilities alone, or on what a definition of uncertainty adds.
# Metrics are written in this order.
NEEDS = PROBABILITIES, RANKING, CONFIDENCE = "probabilities", "ranking", "confidence"


@dataclass(frozen=True)
class Metric:
    """An entry of the catalogue.

    Attributes:
        key: its name in studies, in ``scores.json`` and in ``results.csv``.
        label: its name in tables and figures.
        needs: PROBABILITIES, RANKING or CONFIDENCE.
        of: from an evaluation to its value, NaN where it is undefined. Of a metric of the ranking,
            which may read `Evaluation.ranked` alone, an array [R]: R is 1 or the resamples.
        higher_is_better: otherwise lower is; None where neither is.
        each_bins: whether it is computed for every number of bins that a study names; the key and
            the label say all but the first number.
        interval: how it is bootstrapped; or the key of the metric whose interval is its own, too;
            None if it is not bootstrapped.
    """

    key: str
    label: str
    needs: str
    of: Callable[[Evaluation], Any]
    higher_is_better: bool | None = False
    each_bins: bool = False
    interval: Interval | str | None = None

    def __post_init__(self) -> None:
        """Refuse an interval that would be that of the images as they are."""
        if isinstance(self.interval, Interval) and self.interval.of_ranking != (
            self.needs == RANKING
        ):
            raise ValueError(f"{self.key}: columns belong to all intervals but those of a ranking")

    def keys(self, bins: Sequence[int]) -> Iterator[tuple[str, int]]:
        """Its keys and the number of bins of each."""
        for number in bins if self.each_bins else bins[:1]:
            yield self.key if number == bins[0] else f"{self.key}_{number}", number

    def values(self, evaluation: Evaluation, bins: Sequence[int]) -> dict[str, float]:
        """Its value by key, for every number of bins."""
        return {
            key: np.asarray(self.of(evaluation.at(number))).item()
            for key, number in self.keys(bins)
        }
