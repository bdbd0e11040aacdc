"""Intervals and verdicts against formulas written out, other libraries, and simulations."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, norm

from pipeline import metrics
from pipeline.errors import PipelineError
from pipeline.metrics import Evaluation, Outcomes, Ranking, catalogue
from pipeline.metrics.bootstrap import count_weights
from pipeline.metrics.chance import permutation_test, state
from pipeline.metrics.clipped import CLIP, ClippedUncertainty
from pipeline.metrics.debiased import debiased, gap_sums, shifted_interval
from pipeline.metrics.proportions import proportion_interval
from pipeline.metrics.scoring import score

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import intervals  # type: ignore[import-not-found]


def literal(S: np.ndarray, Q: np.ndarray, images: int) -> float:
    """The debiased calibration error as METHODS writes it, bin by bin."""
    total = 0.0
    for s, q in zip(S, Q, strict=True):
        x = s / images
        deviation = np.sqrt(max(q / images - x**2, 0) / images)
        folded = abs(x)
        if deviation > 0:
            t = abs(x) / deviation
            folded = 2 * deviation * norm.pdf(t) + abs(x) * (1 - 2 * norm.cdf(-t))
        total += abs(x) - (1 + np.sqrt(2)) * (folded - abs(x))
    return total


def predictions(images: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities of three classes, and labels."""
    dice = np.random.default_rng(seed)
    odds = np.exp(dice.normal(0, 1.5, (images, 3)))
    p = odds / odds.sum(axis=1, keepdims=True)
    labels = (dice.random((images, 1)) > np.cumsum(p, axis=1)).sum(axis=1)
    return p, np.minimum(labels, 2)


def test_debiased_error_is_its_formula() -> None:
    p, y = predictions()
    confidence, wrong = p.max(axis=1), p.argmax(axis=1) != y
    gaps = confidence - ~wrong
    place = np.ceil(confidence * 15).astype(int) - 1
    S, Q = (np.bincount(place, each, minlength=15) for each in (gaps, gaps**2))
    expected = literal(S, Q, len(y))
    found = debiased(gap_sums(confidence, wrong, 15).sum(axis=0), len(y))
    assert found == pytest.approx(expected, abs=1e-14)
    assert metrics.ece_debiased(confidence, ~wrong) == pytest.approx(max(expected, 0), abs=1e-14)
    # 100 times 1 % too confident, all right: nothing is noise there.
    assert metrics.ece_debiased([0.99] * 100, [1] * 100) == pytest.approx(0.01)


def test_the_mean_of_a_calibrated_networks_error_is_0() -> None:
    found = []
    for seed in range(200):
        p, y = predictions(300, seed)
        wrong = p.argmax(axis=1) != y
        found.append(debiased(gap_sums(p.max(axis=1), wrong, 15).sum(axis=0), 300))
    assert np.mean(found) == pytest.approx(0, abs=3 * np.std(found) / np.sqrt(200))


def test_intervals_reach_in_the_direction_of_the_shift() -> None:
    drawn = np.array([0.1, 0.2, 0.3])
    reach = norm.ppf(0.975) * drawn.std()
    assert shifted_interval(0.15, drawn) == pytest.approx((0.15 - reach, 0.2 + reach))
    assert shifted_interval(0.25, drawn) == pytest.approx((0.2 - reach, 0.25 + reach))


@pytest.mark.parametrize(
    ("count", "total"), [(899, 899), (0, 5), (880, 899), (9999, 10_000), (1, 1), (3, 10)]
)
def test_proportions_are_those_of_clopper_and_pearson(count: int, total: int) -> None:
    low = beta.ppf(0.025, count, total - count + 1) if count else 0
    high = beta.ppf(0.975, count + 1, total - count) if count < total else 1
    assert proportion_interval(count, total) == pytest.approx((low, high), abs=1e-10)


def test_an_accuracy_of_1_has_no_certain_interval() -> None:
    P, y = np.tile([0.9, 0.1], (899, 1)), np.zeros(899, int)
    low, high = metrics.interval("accuracy", P, y, resamples=20)
    assert (low, high) == pytest.approx((0.0041 * -1 + 1, 1), abs=1e-4)
    # Nor is anything known of how errors would be ranked, or how many there would be.
    assert np.isnan(metrics.interval("ause", P, y, resamples=20)).all()
    low, high = metrics.interval("ece", P, y, resamples=20)
    assert low < 0.1 - 0.004 < 0.1 + 0.004 < high


def test_every_metric_of_the_catalogue_has_an_interval() -> None:
    P, y = predictions(200)
    names = catalogue.keys()
    for name in names:
        if name in ("p_chance", "temperature"):
            continue
        low, high = metrics.interval(name, P, y, resamples=100)
        assert low < high, name
    with pytest.raises(PipelineError, match="unknown metric 'mine'; known: accuracy, nll"):
        metrics.interval("mine", P, y)
    with pytest.raises(PipelineError, match="p_chance has no interval"):
        metrics.interval("p_chance", P, y)


def test_intervals_repeat_and_depend_on_the_seed() -> None:
    P, y = predictions(200)
    one, again = (metrics.interval("aurg", P, y, resamples=50, seed=3) for _ in range(2))
    assert one == again != metrics.interval("aurg", P, y, resamples=50, seed=4)


def test_clipped_sums_are_those_of_each_resample() -> None:
    dice = np.random.default_rng(0)
    for u in (dice.random(300) ** 4, np.round(9 * dice.random(300)), np.zeros(300)):
        wrong = dice.random(300) < 0.3
        weights = np.concatenate([*count_weights(300, 10, 0)])
        found = ClippedUncertainty(u, wrong).sums(weights, 15)
        for row, each in zip(weights, found, strict=True):
            i = np.repeat(np.arange(300), row)
            low, high = np.quantile(u[i], [CLIP, 1 - CLIP])
            confidence = 1 - (u[i].clip(low, high) - low) / ((high - low) or 1)
            expected = gap_sums(confidence, wrong[i], 15).sum(axis=0)
            np.testing.assert_allclose(each, expected, atol=1e-10)


@pytest.mark.parametrize("ties", ["inclusive", "average"])
def test_permutations_have_the_p_value_of_permutations_written_out(ties: str) -> None:
    dice = np.random.default_rng(1)
    wrong = np.arange(120) < 15
    u = np.round(dice.normal(size=120) + 0.5 * wrong, 1)
    own = Ranking(u, wrong).retained().curve(steps=10, ties=ties).sum()
    many = [
        Ranking(u, dice.permutation(wrong)).retained().curve(steps=10, ties=ties).sum()
        for _ in range(4000)
    ]
    expected = np.mean(np.array(many) <= own + 1e-12)
    found = permutation_test(Ranking(u, wrong), steps=10, ties=ties, permutations=20_000)
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 4000))


def test_a_p_value_is_never_0_and_1_where_nothing_is_ranked() -> None:
    wrong = np.arange(1000) < 100
    assert permutation_test(Ranking(wrong, wrong), permutations=99) == 0.01
    assert permutation_test(Ranking(np.zeros(1000), wrong)) == 1


@pytest.mark.parametrize(
    ("low", "high", "p", "expected"),
    [
        (0.01, 0.02, 0.001, "better"),
        (0.01, 0.02, 0.03, "undecided"),
        (-0.01, 0.02, 0.001, "undecided"),
        (0.0, 0.0, 1.0, "worse or equal"),
        (-0.02, -0.01, 0.999, "worse or equal"),
        (-0.02, -0.01, 0.9, "undecided"),
        (np.nan, np.nan, 0.001, "undecided"),
    ],
)
def test_states(low: float, high: float, p: float, expected: str) -> None:
    assert state(low, high, p) == expected


def test_the_oracle_ranks_what_rounds_to_1() -> None:
    # 1 - P[y] is exactly 1 for the first two; by log P the second is the worse one.
    P = np.array([[1 - 1e-18, 1e-18], [1 - 1e-30, 1e-30], [0.6, 0.4], [0.7, 0.3]])
    oracle = Outcomes.of(P, np.array([1, 1, 0, 0])).oracle
    assert oracle.order.tolist() == [3, 2, 0, 1]
    assert len(oracle.last) == 4
    told = Outcomes.of(P, np.array([1, 1, 0, 0]), np.array([-900.0, -800.0, -0.5, -0.4]))
    assert told.oracle.order.tolist() == [3, 2, 1, 0]


def covers(rows: list[dict[str, Any]], images: int, least: float) -> None:
    for row in rows:
        if row["images"] == images:
            assert row["coverage"] >= least, row


def test_few_simulations_of_calibration_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "MANY", 300_000)
    rows = intervals.pairs(30, [899], np.random.default_rng(0))
    covers(rows, 899, 0.8)
    assert all(row["decided"] <= 0.1 for row in rows[:2])


def test_few_simulations_of_chance() -> None:
    dice, better = np.random.default_rng(0), 0
    for run in range(200):
        ranking = Ranking(dice.normal(size=200), np.arange(200) < 9)
        better += permutation_test(ranking, steps=20, permutations=199, seed=run) <= 0.025
    assert better <= 0.05 * 200


@pytest.mark.slow
def test_simulations_of_one_networks_calibration_error() -> None:
    rows = intervals.calibration(200, [899, 10_000], np.random.default_rng(0))
    for images in (899, 10_000):
        covers(rows, images, 0.9)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pairs", "clipped"])
def test_simulations_of_pairs(kind: str) -> None:
    rows = getattr(intervals, kind)(200, [899, 10_000], np.random.default_rng(1))
    covers(rows, 10_000, 0.9)
    covers(rows, 899, 0.8)
    for row in rows:
        first, second = row["errors"]
        if abs(first - second) < 1e-3:
            assert row["decided"] <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200), row
        elif row["images"] == 10_000 and abs(first - second) >= 0.048:
            assert row["decided"] >= 0.8, row


@pytest.mark.slow
def test_simulations_of_chance() -> None:
    for row in intervals.chance(1000, np.random.default_rng(2)):
        if row["uncertainty"] == "random":
            assert row["better"] <= 0.05, row
        else:
            assert row["better"] >= 0.8, row


def test_simulations_of_proportions() -> None:
    for row in intervals.accuracy(100, np.random.default_rng(3)):
        assert row["coverage"] >= 0.95 - 0.015, row


def test_members_of_an_evaluation_agree_with_a_bootstrap_of_their_own() -> None:
    P, y = predictions(80)
    dice = np.random.default_rng(0)
    outcomes = Outcomes.of(P, y)
    each = [
        Evaluation.of(P, y, u, c, outcomes=outcomes)
        for u, c in ((dice.random(80), dice.random(80)), (dice.random(80), dice.random(80)))
    ]
    together = metrics.bootstrap_each(each, resamples=30, seed=5)
    for alone, found in zip(each, together, strict=True):
        expected = metrics.bootstrap(alone, resamples=30, seed=5)
        for key in found:
            np.testing.assert_allclose(found[key], expected[key], rtol=1e-12, atol=1e-15)


def test_scored_predictions_rank_labels_whose_probability_underflows() -> None:
    z = np.zeros((1, 40, 3))
    z[0, :, 0] = 5
    z[0, :2, 0] = [900, 800]
    labels = np.zeros(40, int)
    labels[:2] = 1
    content, curves = score(z, labels, method="msp", options={}, steps=40, bootstrap=0)
    nll = content["definitions"]["msp"]["nll"]["value"]
    assert nll == pytest.approx((900 + 800 + 38 * np.log1p(2 * np.exp(-5))) / 40)
    # Each of the two is removed on its own: 2 of 40 wrong, 1 of 39, then none.
    assert curves["msp/oracle"][:3] == pytest.approx([2 / 40, 1 / 39, 0])
