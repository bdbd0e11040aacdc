"""Intervals of rankings with few errors: against other libraries, and by simulation."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pipeline import metrics
from pipeline.metrics import Evaluation, student
from pipeline.metrics.few_errors import of_area, of_false_positives, of_gain, of_ranking, of_share
from pipeline.metrics.pairs import accuracy_signs, differing, mcnemar

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import intervals  # type: ignore[import-not-found]


@pytest.mark.parametrize("freedom", [1, 2, 4, 9, 30, 200, 10_000])
def test_quantiles_are_students(freedom: int) -> None:
    assert student.quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-6)


def evaluation(errors: int, images: int = 200, seed: int = 0) -> Evaluation:
    """Two classes, the first always predicted, errors the more likely the less confident it is."""
    dice = np.random.default_rng(seed)
    p = dice.uniform(0.5, 1, images)
    wrong = np.zeros(images, int)
    wrong[np.argsort(p + dice.normal(0, 0.2, images))[:errors]] = 1
    return Evaluation.of(np.column_stack([p, 1 - p]), wrong)


def test_percentiles_are_as_far_out_as_t() -> None:
    drawn = np.random.default_rng(0).normal(size=5000)
    for errors in (5, 12, 150):
        few = min(errors, 200 - errors)
        z = np.sqrt(few / (few - 1)) * stats.t.ppf(0.975, few - 1)
        expected = np.quantile(drawn, [stats.norm.cdf(-z), stats.norm.cdf(z)])
        found = of_ranking(0.0, drawn, evaluation(errors))
        assert found == pytest.approx(expected, abs=1e-4)
        # And those of an area or a share are no narrower, and above 0 or inside it.
        area = np.exp(drawn / 5)
        low, high = of_area(1.0, area, evaluation(errors))
        reach = z * area.std()
        narrow = of_ranking(1.0, area, evaluation(errors))
        assert low == pytest.approx(min(np.exp(-reach), narrow[0]), rel=1e-5)
        assert high == pytest.approx(max(np.exp(reach), narrow[1]), rel=1e-5)
        share = 1 / (1 + np.exp(-drawn / 3 - 2))
        own = 1 / (1 + np.exp(-2))
        low, high = of_share(own, share, evaluation(errors))
        reach = z * share.std() / (own * (1 - own))
        narrow = of_ranking(own, share, evaluation(errors))
        bounds = 1 / (1 + np.exp(-2 + reach)), 1 / (1 + np.exp(-2 - reach))
        assert (low, high) == pytest.approx(
            (min(bounds[0], narrow[0]), max(bounds[1], narrow[1])), rel=1e-5
        )
    for bounds_of in (of_ranking, of_gain, of_area, of_share, of_false_positives):
        assert np.isnan(bounds_of(0.5, drawn, evaluation(4))).all()
        assert np.isnan(bounds_of(0.5, drawn, evaluation(197))).all()


@pytest.mark.parametrize("errors", [5, 30, 80, 150])
def test_false_positives_are_between_those_of_two_errors(errors: int) -> None:
    here = evaluation(errors)
    u, wrong = here.uncertainty, here.outcomes.wrong
    bad, good = np.sort(u[wrong]), u[~wrong]
    # How many of the errors are among the least uncertain 5 % of all errors.
    below = stats.binom(errors, 0.05)
    first = max([k for k in range(errors + 1) if below.cdf(k - 1) <= 0.02])
    last = min([k for k in range(1, errors + 2) if below.sf(k - 1) <= 0.02])
    low, high = 0.0, 1.0
    if last <= errors:
        k = int((good >= bad[last - 1]).sum())
        low = stats.beta.ppf(0.005, k, len(good) - k + 1) if k else 0
    if first:
        k = int((good >= bad[first - 1]).sum())
        high = stats.beta.ppf(0.995, k + 1, len(good) - k) if k < len(good) else 1
    assert (first > 0) == (errors >= 77)
    found = of_false_positives(0.5, np.zeros(3), here)
    assert found == pytest.approx((low, high), abs=1e-9)
    assert found[0] <= metrics.fpr95(here.probabilities, here.labels) <= found[1]


def test_ties_count_as_a_group() -> None:
    # All errors and half of the right images are equally uncertain.
    p = np.repeat([0.9, 0.6], [50, 150])
    labels = np.zeros(200, int)
    labels[100:] = 1
    here = Evaluation.of(np.column_stack([p, 1 - p]), labels)
    expected = [stats.beta.ppf(q, 50 + (q > 0.5), 51 - (q > 0.5)) for q in (0.005, 0.995)]
    assert of_false_positives(0.5, np.zeros(3), here) == pytest.approx(expected, abs=1e-9)


def test_intervals_of_rankings_cover() -> None:
    """A glance; the slow test looks closer."""
    for row in intervals.ranking(25, np.random.default_rng(0), levels=(5.5,), resamples=200):
        assert row["coverage"] >= 0.7, row


@pytest.mark.slow
def test_simulations_of_rankings() -> None:
    for row in intervals.ranking(200, np.random.default_rng(4)):
        assert row["coverage"] >= (0.95 if row["metric"] == "fpr95" else 0.88) - 0.03, row


@pytest.mark.parametrize("counts", [(0, 0), (4, 0), (0, 6), (3, 11), (40, 60), (700, 300)])
def test_p_values_are_those_of_a_binomial_test(counts: tuple[int, int]) -> None:
    total = sum(counts)
    expected = stats.binomtest(counts[0], total).pvalue if total else 1
    assert mcnemar(*counts) == pytest.approx(expected, rel=1e-9)


def test_resamples_tell_on_which_images_networks_differ() -> None:
    dice = np.random.default_rng(0)
    drawn = dice.multinomial(899, np.full(899, 1 / 899), size=1000)
    for first, second in [(0, 0), (4, 0), (1, 6), (9, 2), (30, 60)]:
        gaps = np.zeros(899)
        gaps[:first], gaps[first : first + second] = 1, -1
        found = differing(gaps.mean(), drawn @ gaps / 899, 899)
        assert found == pytest.approx((first, second), rel=0.1)
        assert found[0] - found[1] == first - second
        if first + second < 15:
            assert found == (first, second)


def test_few_images_do_not_decide_between_two_networks() -> None:
    dice = np.random.default_rng(0)
    drawn = dice.multinomial(899, np.full(899, 1 / 899), size=1000)
    rows = [(4, 0), (6, 0), (0, 6), (2, 9), (30, 60)]
    gaps = np.zeros((len(rows), 899))
    for row, (first, second) in zip(gaps, rows, strict=True):
        row[:first], row[first : first + second] = 1, -1
    resampled = (drawn @ gaps.T / 899).T
    # Percentiles would decide the first, too.
    assert np.quantile(resampled[0], 0.025) > 0
    assert accuracy_signs(gaps.mean(axis=1), resampled, 899).tolist() == [0, 1, -1, 0, -1]
    assert accuracy_signs(np.array([np.nan]), resampled[:1], 899).tolist() == [0]
