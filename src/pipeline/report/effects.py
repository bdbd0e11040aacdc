"""How large a difference is, how sure it is, and which of several differences are more than chance.

>>> found = effect(own=[-0.02], drawn=[resampled])     # one training
>>> found.value, found.low, found.high, found.p
>>> holm([0.01, 0.04, 0.03])
[0.03, 0.06, 0.06]
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.metrics.replicates import Replicated

# The largest p-value, after Holm's correction, that says that there is a difference.
LEVEL = 0.05
# No p-value is told more exactly.
SMALLEST = 1e-12


@dataclass(frozen=True)
class Effect:
    """A difference with its 95 % interval and its two-sided p-value.

    Attributes:
        value: the difference.
        low: of the interval, NaN where there are no resamples.
        high: of the interval.
        p: that there is no difference, NaN where there are no resamples.
        trainings: how many independent trainings of each network it rests on.
        adjusted: the p-value after `holm` over the family that it belongs to.
    """

    value: float
    low: float
    high: float
    p: float
    trainings: int
    adjusted: float = math.nan

    @property
    def sign(self) -> int:
        """1 where it is above 0 and more than chance, -1 where it is below, otherwise 0."""
        if not self.adjusted <= LEVEL:
            return 0
        return 1 if self.value > 0 else -1


def effect(own: ArrayLike, drawn: ArrayLike, *, shifted: bool = False) -> Effect:
    """The effect that R trainings show, from B resamples of the test images, the same for all.

    The p-value is the level at which the interval would begin to hold 0, so the two agree. Of one
    training the standard error is that of the resamples. Of several the interval is that of
    `Replicated.bounds` for a difference, whose two parts are the trainings and the images.

    Args:
        own: the difference of each training, [R].
        drawn: the same on resamples, [R, B]; without any, B = 0.
        shifted: whether resampling adds a bias, as it does to calibration errors; then the
            interval reaches further in the direction of the shift.
    """
    values, resampled = np.asarray(own, float), np.asarray(drawn, float)
    value, trainings = float(values.mean()), len(values)
    if resampled.shape[1] < 2 or np.isnan(resampled).any():
        return Effect(value, math.nan, math.nan, math.nan, trainings)
    own_part, images = _variances(values, resampled)
    if own_part + images == 0:
        # Nothing varies, so there is nothing that an interval or a test could go by.
        return Effect(value, math.nan, math.nan, 1.0 if value == 0 else math.nan, trainings)
    shift = float(resampled.mean()) - value if shifted else 0.0
    reach = _reach(LEVEL, own_part, images, trainings)
    towards = min(shift, 0.0) if value > 0 else -max(shift, 0.0)
    p = _level(max(0.0, abs(value) + towards), own_part, images, trainings)
    low, high = value - reach + min(shift, 0.0), value + reach + max(shift, 0.0)
    return Effect(value, low, high, p, trainings)


def adjusted(effects: Sequence[Effect]) -> list[Effect]:
    """The effects of one family, with their p-values corrected by `holm`."""
    tested = [each for each in effects if not math.isnan(each.p)]
    corrected = iter(holm([each.p for each in tested]))
    return [
        each if math.isnan(each.p) else replace(each, adjusted=next(corrected)) for each in effects
    ]


def holm(p: Sequence[float]) -> list[float]:
    """The p-values after the correction of Holm (1979), in their order.

    Where those of at most .05 are called differences, the chance that any is none is at most .05.
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    rising = np.maximum.accumulate(np.asarray(p, float)[order] * factors)
    found = np.empty(len(p))
    found[order] = np.minimum(rising, 1.0)
    return [float(each) for each in found]


def _variances(own: NDArray[Any], drawn: NDArray[Any]) -> tuple[float, float]:
    """The variance of the mean over the trainings, by these and by the images."""
    if len(own) == 1:
        return 0.0, float(drawn[0].var())
    found = Replicated.of(own, drawn)
    return float(found.own), float(found.images)


def _reach(level: float, own: float, images: float, trainings: int) -> float:
    """How far the interval of 1 − `level` reaches to either side."""
    normal = NormalDist().inv_cdf(level / 2)
    if own == 0:
        return -normal * math.sqrt(images)
    from scipy.special import stdtrit

    return math.sqrt(float(stdtrit(trainings - 1, level / 2)) ** 2 * own + normal**2 * images)


def _level(size: float, own: float, images: float, trainings: int) -> float:
    """The level whose interval reaches just as far as `size`."""
    if own == 0:
        return math.erfc(size / math.sqrt(2 * images))
    low, high = math.log(SMALLEST), 0.0
    for _ in range(60):
        middle = (low + high) / 2
        is_shorter = _reach(math.exp(middle), own, images, trainings) < size
        low, high = (low, middle) if is_shorter else (middle, high)
    return math.exp(high)
