"""Intervals over replicates, by hand and by simulation with a known truth."""

import numpy as np
import pytest
from metrics.trainings import Trainings, once, simulate
from scipy.stats import t as student

from pipeline.metrics.replicates import Replicated, combined_p, metric_interval, quantile


def test_the_formula_by_hand() -> None:
    # m = .1, .3; m* = (.0, .2, .1), (.4, .2, .3), whose means over the resamples are .1, .3.
    # S² = .02, a = .01; means of both .2, .2, .2: V = 0, so that g = 0 and df = 1.
    found = Replicated.of(np.array([0.1, 0.3]), np.array([[0.0, 0.2, 0.1], [0.4, 0.2, 0.3]]))
    assert (found.mean, found.own, found.images) == (0.2, pytest.approx(0.01), 0)
    assert found.freedom == pytest.approx(1)
    low, high = found.bounds()
    assert (high - low) / 2 == pytest.approx(12.7062 * 0.1, rel=1e-5)
    # m* = (.0, .2), (.2, .4): around their means both are -.1, .1, so W = 0; V = .01 = g.
    # se² = .02, df = .02² / .01² = 4.
    found = Replicated.of(np.array([0.1, 0.3]), np.array([[0.0, 0.2], [0.2, 0.4]]))
    assert (found.own, found.images) == (pytest.approx(0.01), pytest.approx(0.01))
    assert found.freedom == pytest.approx(4)
    low, high = found.bounds()
    assert (high - low) / 2 == pytest.approx(2.77645 * 0.02**0.5, rel=1e-5)
    low, high = found.bounds(difference=True)
    assert (high - low) / 2 == pytest.approx((12.7062**2 * 0.01 + 1.95996**2 * 0.01) ** 0.5)
    # m* = (.1, .2), (.1, .4): ∓.05, ∓.15, W = (.005 + .005) / 2; means .1, .3, V = .01;
    # g = .01 - .005 / 2.
    found = Replicated.of(np.array([0.1, 0.3]), np.array([[0.1, 0.2], [0.1, 0.4]]))
    assert found.images == pytest.approx(0.0075)
    # The resamples lie .05 above the first and .05 below the second: no shift. Of both .1 above
    # it is .1, upwards.
    assert found.shift == pytest.approx(0)
    up = Replicated.of(np.array([0.1, 0.3]), np.array([[0.15, 0.25], [0.35, 0.45]]))
    plain, shifted = up.bounds(), up.bounds(shifted=True)
    assert (shifted[0], shifted[1]) == (plain[0], pytest.approx(plain[1] + 0.1))


def test_identical_replicates_have_the_width_of_the_images() -> None:
    draws = np.random.default_rng(0).normal(0.8, 0.01, 500)
    found = Replicated.of(np.full(4, 0.8), np.tile(draws, (4, 1)))
    assert (found.own, found.freedom) == (0, np.inf)
    assert found.error == pytest.approx(draws.std())
    for difference in (False, True):
        low, high = found.bounds(difference=difference)
        assert (high - low) / 2 == pytest.approx(1.959964 * draws.std(), rel=1e-6)


def test_one_replicate_is_refused() -> None:
    with pytest.raises(ValueError, match="one replicate"):
        Replicated.of(np.zeros((3, 1)), np.zeros((3, 1, 10)))


def test_the_quantile_is_students() -> None:
    freedom = np.array([1, 1.3, 2, 4.4, 30, 1e6])
    np.testing.assert_allclose(quantile(freedom), student.ppf(0.975, freedom), rtol=1e-9)
    assert quantile(np.array([np.inf])).tolist() == [pytest.approx(1.959964)]


def test_bounds_stay_where_the_metric_can_be() -> None:
    far = np.array([0.99, 0.5]), np.tile([[0.99], [0.5]], 10)
    assert metric_interval("accuracy", *far, accuracy=0.745, images=100) == (0, 1)
    low, high = metric_interval("ece", *far, accuracy=0.745, images=100)
    assert low == 0
    assert high > 1
    # Nothing was wrong of 899 images, of which Clopper and Pearson's interval is [.9959, 1].
    never = np.ones(3), np.ones((3, 10))
    low, high = metric_interval("accuracy", *never, accuracy=1.0, images=899)
    assert (low, high) == (pytest.approx(1 - 0.0040949, abs=1e-6), 1)
    low, _ = metric_interval("aurg", np.array([0.1, 0.3]), np.full((2, 5), 0.2), accuracy=0.9,
                             images=100)  # fmt: skip
    assert low < 0


@pytest.mark.parametrize(
    ("given", "found"),
    [([0.2], 0.2), ([0.001, 0.001], 0.002), ([0.01, 0.05], 0.06), ([0.3, 0.4], 0.5),
     ([0.9, 0.6], 0.5), ([0.99, 0.98], 0.97)],
)  # fmt: skip
def test_p_values_of_replicates_count_as_twice_their_mean(given: list[float], found: float) -> None:
    assert combined_p(np.array(given)) == pytest.approx(found)


KINDS = {
    "identical": Trainings(0, 0),
    "alike": Trainings(0.05, 0.3),
    "usual": Trainings(0.15, 0.7),
    "different": Trainings(0.6, 1.0),
    "unpaired": Trainings(0.3, 0.7, shared=0.0),
}


@pytest.mark.parametrize("replicates", [2, 3, 5])
@pytest.mark.parametrize("kind", ["identical", "different"])
def test_accuracies_are_covered(kind: str, replicates: int) -> None:
    found = simulate(KINDS[kind], replicates=replicates, runs=150, images=300, resamples=150)
    # Of 150 runs, three standard errors below .90 are .83; two replicates that differ cover less.
    assert found.one >= (0.78 if replicates == 2 and kind == "different" else 0.85)
    assert found.difference >= 0.85
    assert found.wrong <= 0.03


def test_one_training_is_known_by_its_images_and_another_is_not() -> None:
    own, other = once(KINDS["identical"], runs=150, images=400)
    assert min(own, other) >= 0.88
    own, other = once(KINDS["different"], runs=150, images=400)
    assert own >= 0.88
    assert other <= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("replicates", [2, 3, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_means_and_differences_of_accuracies_are_covered(kind: str, replicates: int) -> None:
    """What was measured stands in `docs/methods.md`; here it is met up to chance."""
    found = simulate(KINDS[kind], replicates=replicates, runs=600, images=900)
    chance = 3 * (0.09 / 600) ** 0.5
    assert found.one >= (0.86 if replicates == 2 else 0.91) - chance
    assert found.difference >= 0.93 - chance
    assert found.wrong <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["identical", "usual"])
@pytest.mark.parametrize(("metric", "images"), [("ece_debiased", 900), ("ause", 500)])
def test_other_metrics_are_covered(metric: str, images: int, kind: str) -> None:
    found = simulate(KINDS[kind], metric, replicates=3, runs=100, images=images)
    chance = 3 * (0.09 / 100) ** 0.5
    assert found.one >= 0.93 - chance
    # Of 900 images the calibration error of a network that is not calibrated is biased a little.
    assert found.difference >= 0.90 - chance
    assert found.wrong <= 0.03


@pytest.mark.slow
@pytest.mark.parametrize("replicates", [2, 3, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_networks_are_rarely_called_different(kind: str, replicates: int) -> None:
    given = KINDS[kind]
    same = Trainings(given.moved, given.single, given.shared, (1.5, 1.5), (1.0, 1.0))
    found = simulate(same, replicates=replicates, runs=600, images=900)
    assert found.right + found.wrong <= 0.06 + 3 * (0.05 / 600) ** 0.5
