"""Differences, their intervals and p-values, and Holm's correction."""

import math

import numpy as np
import pytest
from scipy import stats

from pipeline.report.effects import Effect, adjusted, effect, holm


def drawn(value: float, error: float, count: int = 400) -> np.ndarray:
    """Resamples whose mean is `value` and whose standard deviation is `error`, exactly."""
    noise = np.random.default_rng(0).normal(size=count)
    return value + error * (noise - noise.mean()) / noise.std()


def test_of_one_training_the_test_is_the_normal_one() -> None:
    found = effect([0.03], [drawn(0.03, 0.01)])
    assert found.p == pytest.approx(2 * stats.norm.sf(3))
    assert (found.low, found.high) == pytest.approx((0.0104, 0.0496), abs=1e-4)
    assert found.trainings == 1


@pytest.mark.parametrize("value", [0.018, 0.0197, 0.05, -0.018, -0.0197, -0.05])
@pytest.mark.parametrize("shift", [-0.004, 0.0, 0.004])
def test_the_interval_holds_0_exactly_where_p_is_above_05(value: float, shift: float) -> None:
    found = effect([value], [drawn(value + shift, 0.01)], shifted=True)
    assert (found.low < 0 < found.high) == (found.p > 0.05)


def test_of_several_trainings_that_agree_the_images_alone_count() -> None:
    resampled = drawn(0.03, 0.01)
    one, three = effect([0.03], [resampled]), effect([0.03] * 3, [resampled] * 3)
    assert (three.low, three.high, three.p) == pytest.approx((one.low, one.high, one.p))


def test_of_several_trainings_on_fixed_images_it_is_the_t_test() -> None:
    values = [0.05, 0.02, 0.03]
    found = effect(values, np.repeat(np.array(values)[:, None], 10, axis=1))
    expected = stats.ttest_1samp(values, 0)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_trainings_and_images_add_up_as_howe_adds_them() -> None:
    values = np.array([0.05, 0.02, 0.04])
    resampled = values[:, None] + drawn(0.0, 0.01)
    found = effect(values, resampled)
    trainings, images = values.var(ddof=1) / 3, 0.01**2
    reach = np.sqrt(stats.t.ppf(0.975, 2) ** 2 * trainings + stats.norm.ppf(0.975) ** 2 * images)
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach))
    # The p-value is the level of the interval that ends at 0.
    half = found.p / 2
    ends = np.sqrt(stats.t.ppf(half, 2) ** 2 * trainings + stats.norm.ppf(half) ** 2 * images)
    assert ends == pytest.approx(values.mean())


def test_without_resamples_nothing_is_tested() -> None:
    found = effect([0.03], np.empty((1, 0)))
    assert found.value == 0.03
    assert math.isnan(found.p)
    assert math.isnan(found.low)


def test_where_nothing_varies_only_equality_is_known() -> None:
    equal = effect([0.0], [np.zeros(9)])
    assert equal.p == 1
    assert math.isnan(equal.low)
    assert math.isnan(effect([0.1], [np.full(9, 0.1)]).p)


def test_holm_is_worked_out_by_hand() -> None:
    # Sorted .01 .02 .03 .04, times 4 3 2 1, and never falling.
    assert holm([0.02, 0.01, 0.04, 0.03]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_untested_effects_do_not_count_in_their_family() -> None:
    none = Effect(0.1, math.nan, math.nan, math.nan, 1)
    found = adjusted([Effect(0.1, 0, 1, 0.02, 1), none, Effect(-0.2, -1, 0, 0.03, 1)])
    assert [each.adjusted for each in found] == pytest.approx([0.04, math.nan, 0.04], nan_ok=True)
    assert [each.sign for each in found] == [1, 0, -1]
