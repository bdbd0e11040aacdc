"""What a metric is of a study's networks, so that their differences can be judged.

Two networks are compared in pairs of resamples: both were judged on the same draws of the test
images, so what makes an image hard for either cancels out of their difference. Of several
replicates, each difference is taken within a replicate, and its interval holds the trainings, too
(see `metrics.replicates`).

Of two ECEs the debiased ones are compared, where there are any: the plain one is the higher the
lower the accuracy is, and a confidence that is scaled to the most and the least uncertain image is
only known at the scale of these images (see `metrics.clipped`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.metrics.debiased import Z
from pipeline.metrics.pairs import accuracy_signs
from pipeline.metrics.ranking import Floats, Ints
from pipeline.metrics.replicates import Replicated
from pipeline.report.replicates import OWN, REPLICATE
from pipeline.report.results import KEYS
from pipeline.study import REPEATS

# What is compared where a claim speaks of the ECE.
ECE, COMPARED = "ece", "ece_clipped"


@dataclass(frozen=True)
class Estimate:
    """Values [N, R] of R replicates and what they are on resamples of the images, [N, R, B].

    A value that was not resampled stands in for its resamples, so that all it differs in counts.
    `shifted` says that resampling adds a bias, as it does to calibration errors. `images` [N] says
    of how many images accuracies, or differences of two, are, where they were resampled.
    """

    value: Floats
    resampled: Floats
    shifted: bool = False
    images: Ints | None = None

    @classmethod
    def of(
        cls,
        replicates: Sequence[pd.DataFrame],
        metric: str,
        resamples: Mapping[tuple[Any, ...], Any],
    ) -> "Estimate":
        """A metric of every network that is shown, such as member 0 of several.

        Args:
            replicates: the same networks, row by row, of each replicate.
            metric: its key.
            resamples: as `results.read_resamples` gives them.
        """
        names = [
            resamples.get(each, {})
            for number, networks in enumerate(replicates)
            for each in networks.assign(**{**REPEATS, REPLICATE: number})[KEYS].itertuples(
                index=False, name=None
            )
        ]
        shifted = metric == ECE and (
            any(COMPARED in each for each in names) or COMPARED in replicates[0]
        )
        key = COMPARED if shifted else metric
        column = key if key in replicates[0] else metric
        value = np.concatenate([each[column].to_numpy(dtype=float) for each in replicates])
        found = [each.get(key) for each in names]
        count = max((len(each) for each in found if each is not None), default=1)
        resampled = np.repeat(value[:, None], count, axis=1)
        for row, (each, drawn) in enumerate(zip(names, found, strict=True)):
            if drawn is not None:
                resampled[row] = drawn
            value[row] = each.get(OWN + key, value[row])
        shape = len(replicates), len(replicates[0])
        images = None
        if metric == "accuracy" and not any(each is None for each in found):
            images = replicates[0]["images"].to_numpy(np.int64)
        return cls(
            value.reshape(shape).T,
            resampled.reshape(*shape, count).swapaxes(0, 1),
            shifted,
            images,
        )

    def __getitem__(self, rows: NDArray[np.integer]) -> "Estimate":
        images = None if self.images is None else self.images[rows]
        return Estimate(self.value[rows], self.resampled[rows], self.shifted, images)

    def __sub__(self, other: "Estimate") -> "Estimate":
        """The paired difference."""
        return Estimate(
            self.value - other.value,
            self.resampled - other.resampled,
            self.shifted,
            None if other.images is None else self.images,
        )

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value + other.value, self.resampled + other.resampled, self.shifted)

    def __abs__(self) -> "Estimate":
        return Estimate(np.abs(self.value), np.abs(self.resampled), self.shifted)

    def log(self) -> "Estimate":
        """The logarithm of values that are not negative."""
        tiny = np.finfo(float).tiny
        value, resampled = (np.log(np.maximum(each, tiny)) for each in (self.value, self.resampled))
        return Estimate(value, resampled, self.shifted)

    def mean_of(self, groups: NDArray[np.integer]) -> "Estimate":
        """In place of each row the mean over its group; what is missing is left out."""
        return self._by_group(groups, np.nanmean)

    def range_of(self, groups: NDArray[np.integer], where: NDArray[np.bool_]) -> "Estimate":
        """In place of each row the range of its group's rows where `where` says so."""
        return self._by_group(groups, np.ptp, where)

    def _by_group(
        self,
        groups: NDArray[np.integer],
        reduce: Callable[..., Any],
        where: NDArray[np.bool_] | None = None,
    ) -> "Estimate":
        both = np.concatenate([self.value[..., None], self.resampled], axis=-1)
        found = np.full_like(both, np.nan)
        for group in np.unique(groups):
            rows = groups == group
            members = both[rows if where is None else rows & where]
            if len(members) and not np.isnan(members).all(axis=0).any():
                found[rows] = reduce(members, axis=0)
        return Estimate(found[..., 0], found[..., 1:], self.shifted)

    @property
    def sign(self) -> NDArray[np.int64]:
        """1 where the whole 95 % interval is above 0, -1 where it is below, 0 where it holds 0.

        Accuracies of one training are told apart by the images on which they differ.
        """
        value, resampled = self.value[:, 0], self.resampled[:, 0]
        if self.images is not None and self.value.shape[1] == 1:
            return accuracy_signs(value, resampled, self.images)
        if self.value.shape[1] > 1:
            found = Replicated.of(self.value, self.resampled)
            low, high = found.bounds(shifted=self.shifted, difference=True)
        elif self.shifted:
            shift = resampled.mean(axis=1) - value
            reach = Z * resampled.std(axis=1)
            low = value - reach + np.minimum(shift, 0)
            high = value + reach + np.maximum(shift, 0)
        else:
            low, high = np.quantile(resampled, [0.025, 0.975], axis=1)
        sign: NDArray[np.int64] = (low > 0).astype(np.int64) - (high < 0)
        return sign
