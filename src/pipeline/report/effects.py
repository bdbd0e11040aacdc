"""How large a difference is, how sure it is, and which of several differences are more than chance.

>>> found = effect(own=[-0.02], drawn=[resampled])     # one training
>>> found.value, found.low, found.high, found.p
>>> holm([0.01, 0.04, 0.03])
[0.03, 0.06, 0.06]
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.metrics.debiased import Z

# The largest p-value, after Holm's correction, that says that there is a difference.
LEVEL = 0.05


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

    The interval and the p-value both follow from the standard error, so the interval holds 0
    exactly where p > .05. Of one training the standard error is that of the resamples. Of several
    it is that of their mean, which the trainings and the images both make vary: with S² the
    variance of the values, V that of the mean over the trainings of the resamples, and W the mean
    variance between the trainings within a resample, each about its own mean, se² = a + g with
    a = S²/R and g = max(0, V − W/R), and Student's t has se⁴ (R − 1) / a² degrees of freedom.

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
    error, freedom = _standard_error(values, resampled)
    if error == 0:
        # Nothing varies, so there is nothing that an interval or a test could go by.
        return Effect(value, math.nan, math.nan, 1.0 if value == 0 else math.nan, trainings)
    shift = float(resampled.mean()) - value if shifted else 0.0
    reach = _quantile(freedom) * error
    towards = min(shift, 0.0) if value > 0 else -max(shift, 0.0)
    size = max(0.0, abs(value) + towards) / error
    low, high = value - reach + min(shift, 0.0), value + reach + max(shift, 0.0)
    return Effect(value, low, high, _two_sided(size, freedom), trainings)


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


def _standard_error(own: NDArray[Any], drawn: NDArray[Any]) -> tuple[float, float]:
    """The standard error of the mean over the trainings, and its degrees of freedom."""
    trainings = len(own)
    if trainings == 1:
        return float(drawn[0].std()), math.inf
    between = float(own.var(ddof=1)) / trainings
    centred = drawn - drawn.mean(axis=1, keepdims=True)
    within = float(centred.var(axis=0, ddof=1).mean())
    images = max(0.0, float(drawn.mean(axis=0).var()) - within / trainings)
    freedom = math.inf if between == 0 else (between + images) ** 2 * (trainings - 1) / between**2
    return math.sqrt(between + images), freedom


def _quantile(freedom: float) -> float:
    """The 97.5 % quantile of Student's t."""
    if math.isinf(freedom):
        return Z
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))


def _two_sided(size: float, freedom: float) -> float:
    """The probability of more than `size` in either direction."""
    if math.isinf(freedom):
        return math.erfc(size / math.sqrt(2))
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -size))
