"""Metrics against numbers worked out by hand, other libraries, and loops over the definitions."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score, roc_curve
from torch import tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from pipeline import metrics
from pipeline.errors import PipelineError
from pipeline.metrics import Evaluation, Ranking

P = np.array(
    [[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.5, 0.3, 0.2]]
)
Y = np.array([0, 1, 0, 0, 1])
RANKED = (metrics.ause, metrics.aurg, metrics.aurc, metrics.eaurc, metrics.augrc, metrics.auroc)


def predictions(images: int, classes: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are right for about two images in three, and labels."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(classes, size=images)
    logits = generator.normal(size=(images, classes))
    logits[np.arange(images), labels] += 1.5 * generator.random(images) + 0.5
    odds = np.exp(2 * logits)
    return odds / odds.sum(axis=1, keepdims=True), labels


def of_wrong(wrong: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two classes and labels with errors where `wrong` says so."""
    wrong = np.asarray(wrong, int)
    return np.tile([0.75, 0.25], (len(wrong), 1)), wrong


# Small samples with ties: level of uncertainty, level of the label's probability, wrong, weight.
images = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=12,
).map(lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True)))


def literal_curve(u: Any, wrong: Any, steps: int, ties: str) -> list[float]:
    """The sparsification curve as it is defined, one step after the other."""
    count = len(u)
    curve = []
    for k in range(steps):
        keep = count - -((1 - count) * k // steps)
        threshold = sorted(u)[keep - 1]
        below = [w for v, w in zip(u, wrong, strict=True) if v < threshold]
        tied = [w for v, w in zip(u, wrong, strict=True) if v == threshold]
        if ties == "inclusive":
            error = Fraction(int(sum(below) + sum(tied)), len(below) + len(tied))
        else:
            share = Fraction(int(sum(tied)), len(tied)) * (keep - len(below))
            error = (int(sum(below)) + share) / keep
        curve.append(float(error))
    return [*curve, 0.0]


def literal_aurc(u: Any, wrong: Any) -> float:
    """Mean risk over all coverages, equally uncertain images counting as their group's mean."""
    u, wrong = np.asarray(u), np.asarray(wrong, float)
    expected = [wrong[u == v].mean() for v in np.sort(u)]
    return float(np.mean([np.mean(expected[:n]) for n in range(1, len(u) + 1)]))


def test_sparsification_curves_worked_by_hand() -> None:
    predicted, oracle = metrics.sparsification_curves(P, Y, steps=5)
    np.testing.assert_allclose(predicted, [0.4, 0.25, 1 / 3, 0.5, 0, 0], rtol=1e-15)
    np.testing.assert_allclose(oracle, [0.4, 0.25, 0, 0, 0, 0], rtol=1e-15)


@pytest.mark.parametrize(("steps", "expected"), [(5, 1 / 6), (10, 0.2), (50, 0.2066666667)])
def test_ause_worked_by_hand(steps: int, expected: float) -> None:
    assert metrics.ause(P, Y, steps=steps) == pytest.approx(expected, abs=1e-9)


def test_metrics_worked_by_hand() -> None:
    confidence, correct = P.max(axis=1), P.argmax(axis=1) == Y
    values = {
        0.6: metrics.accuracy(P, Y),
        0.8958838: metrics.nll(P, Y),
        0.531: metrics.brier(P, Y),
        0.14: metrics.ece(confidence, correct, bins=5),
        0.42: metrics.ece(confidence, correct, bins=10),
        0.2966667: metrics.aurc(P, Y),
        0.1666667: metrics.eaurc(P, Y),
        0.16: metrics.augrc(P, Y),
    }
    assert list(values.values()) == pytest.approx(list(values), abs=1e-7)
    assert metrics.auroc(P, Y) == metrics.fpr95(P, Y) == pytest.approx(2 / 3)


def test_random_level_worked_by_hand() -> None:
    # With 5 steps: 0.4 at each step but the last, against the oracle's 0.4, 0.25, 0, 0, 0, 0.
    level = (0.15 + 0.4 * 3) / 5
    assert metrics.random_level(P, Y, steps=5) == pytest.approx(level)
    assert metrics.aurg(P, Y, steps=5) == pytest.approx(level - 1 / 6)
    assert metrics.ause_over_random(P, Y, steps=5) == pytest.approx(1 / 6 / level)


def test_ties_worked_by_hand() -> None:
    p, y = of_wrong([0, 1, 0, 0, 1])
    u = [0.1, 0.4, 0.4, 0.4, 0.5]
    inclusive, _ = metrics.sparsification_curves(p, y, u, steps=5)
    np.testing.assert_allclose(inclusive, [0.4, 0.25, 0.25, 0.25, 0, 0], rtol=1e-15)
    # Of three ties with one error, two and then one are kept.
    average, _ = metrics.sparsification_curves(p, y, u, steps=5, ties="average")
    np.testing.assert_allclose(average, [0.4, 0.25, 2 / 9, 1 / 6, 0, 0], rtol=1e-15)


@pytest.mark.parametrize("ties", ["inclusive", "average"])
@given(images=images, steps=st.sampled_from([1, 2, 3, 5, 50]))
def test_curves_equal_their_definition(images: Any, steps: int, ties: str) -> None:
    u, _, wrong, _ = images
    curve = Ranking(u, wrong).retained().curve(steps=steps, ties=ties)
    assert curve.tolist() == [literal_curve(u, wrong, steps, ties)]


def test_oracle_ranks_by_the_probability_of_the_label() -> None:
    p, y = predictions(300)
    wrong = p.argmax(axis=1) != y
    _, oracle = metrics.sparsification_curves(p, y)
    literal = literal_curve(1 - p[np.arange(len(p)), y], wrong, 50, "inclusive")
    np.testing.assert_allclose(oracle, literal, rtol=1e-15)
    # The trapezoids of curves that are equal at both ends are a sum.
    predicted = literal_curve(1 - p.max(axis=1), wrong, 50, "inclusive")
    assert metrics.ause(p, y) == pytest.approx((sum(predicted) - sum(literal)) / 50, rel=1e-12)


@given(images=images)
def test_aurc_equals_its_definition(images: Any) -> None:
    u, _, wrong, _ = images
    p, y = of_wrong(wrong)
    best = literal_aurc(np.arange(len(u)), np.sort(wrong))
    assert metrics.aurc(p, y, u) == pytest.approx(literal_aurc(u, wrong), abs=1e-14)
    assert metrics.eaurc(p, y, u) == pytest.approx(literal_aurc(u, wrong) - best, abs=1e-14)


@pytest.mark.parametrize("digits", [1, 2, 16])
def test_auroc_and_fpr95_equal_scikit_learn(digits: int) -> None:
    p, y = predictions(500)
    wrong, u = p.argmax(axis=1) != y, np.round(1 - p.max(axis=1), digits)
    false, true, _ = roc_curve(wrong, u, drop_intermediate=False)
    roc = roc_auc_score(wrong, u)
    assert metrics.auroc(p, y, u) == pytest.approx(roc, abs=1e-14)
    assert metrics.fpr95(p, y, u) == false[np.argmax(true >= 0.95)]
    error = wrong.mean()
    augrc = (1 - roc) * error * (1 - error) + error**2 / 2
    assert metrics.augrc(p, y, u) == pytest.approx(augrc, abs=1e-14)


def test_fpr95_needs_no_more_than_95_percent() -> None:
    # The threshold at 2 finds 19 of 20 errors, and no right image.
    p, y = of_wrong([1] * 19 + [0, 1])
    assert metrics.fpr95(p, y, [2] * 19 + [1, 0]) == 0
    assert metrics.fpr95(p[1:], y[1:], [2] * 18 + [1, 0]) == 1


@given(images=images)
def test_augrc_is_the_mean_risk_of_undetected_errors(images: Any) -> None:
    u, _, wrong, _ = images
    p, y = of_wrong(wrong)
    count = len(u)
    # Errors at most as uncertain as a random image; a tie, and the image itself, count half.
    undetected = sum(
        (u[j] < u[i]) + 0.5 * (u[j] == u[i]) for i in range(count) for j in np.flatnonzero(wrong)
    )
    assert metrics.augrc(p, y, u) == pytest.approx(undetected / count**2, abs=1e-14)


def test_nll_equals_scikit_learn() -> None:
    p, y = predictions(400)
    assert metrics.nll(p, y) == pytest.approx(log_loss(y, p), rel=1e-12)


def test_nll_of_an_impossible_label_is_finite() -> None:
    assert metrics.nll([[1.0, 0.0]], [1]) == pytest.approx(1074 * np.log(2))


@pytest.mark.parametrize("bins", [10, 15])
def test_ece_equals_torchmetrics(bins: int) -> None:
    p, y = predictions(500)
    expected = multiclass_calibration_error(tensor(p), tensor(y), num_classes=5, n_bins=bins)
    value = metrics.ece(p.max(axis=1), p.argmax(axis=1) == y, bins=bins)
    assert value == pytest.approx(expected.item(), rel=1e-6)


def test_ece_bins_are_closed_above() -> None:
    assert metrics.ece([1, 1, 0.95, 0.95], [1, 0, 1, 1], bins=10) == pytest.approx(0.225)


@pytest.mark.parametrize("bins", [10, 15, 49, 100])
def test_every_edge_is_the_top_of_a_bin(bins: int) -> None:
    # Also where bins * (k / bins) is not k in floating point.
    edges = np.arange(bins + 1) / bins
    counts = metrics.reliability_bins(edges, np.ones(bins + 1), bins=bins)[:, 2]
    assert counts.tolist() == [2] + [1] * (bins - 1)
    above = np.nextafter(edges[:-1], 1)
    counts = metrics.reliability_bins(above, np.ones(bins), bins=bins)[:, 2]
    assert counts.tolist() == [1] * bins


def test_reliability_bins_worked_by_hand() -> None:
    table = metrics.reliability_bins([0.1, 0.3, 0.9, 0.8], [False, True, True, False], bins=4)
    expected = [[0.1, 0, 1], [0.3, 1, 1], [np.nan, np.nan, 0], [0.85, 0.5, 2]]
    np.testing.assert_allclose(table, expected, rtol=1e-15)


@pytest.mark.parametrize(("count", "bins"), [(300, 15), (307, 15), (7, 10)])
def test_adaptive_ece_splits_the_sorted_images_evenly(count: int, bins: int) -> None:
    p, y = predictions(count)
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == y
    parts = np.array_split(np.argsort(confidence), bins)
    expected = sum(abs(np.sum(confidence[i] - correct[i])) for i in parts) / count
    assert metrics.adaptive_ece(confidence, correct, bins=bins) == pytest.approx(expected)


def test_adaptive_ece_keeps_ties_together() -> None:
    # Split in the middle, the gaps of 0.5 - 1 and 0.5 - 0 would not cancel.
    assert metrics.adaptive_ece([0.5] * 4, [1, 1, 0, 0], bins=2) == 0
    assert metrics.adaptive_ece([0.5] * 3 + [1], [1, 1, 0, 1], bins=2) == pytest.approx(0.125)


def test_classwise_ece_is_the_mean_over_classes() -> None:
    p, y = predictions(200)
    expected = np.mean([metrics.ece(p[:, c], y == c, bins=10) for c in range(5)])
    assert metrics.classwise_ece(p, y, bins=10) == pytest.approx(expected, rel=1e-12)
    # One class: |0.9 - 1|, |0.05| and |0.05| over three classes.
    assert metrics.classwise_ece(P[:1], Y[:1]) == pytest.approx(0.2 / 3)


def test_results_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    p, y = predictions(50)
    names = ("nll", "brier", "classwise_ece", "ause")
    whole = [getattr(metrics, name)(p, y) for name in names]
    drawn = metrics.bootstrap(Evaluation.of(p, y), resamples=20)
    monkeypatch.setattr("pipeline.metrics.outcomes.BLOCK", 7 * 5)
    assert [getattr(metrics, name)(p, y) for name in names] == pytest.approx(whole, rel=1e-14)
    blockwise = metrics.bootstrap(Evaluation.of(p, y), resamples=20)
    for name, values in drawn.items():
        np.testing.assert_allclose(blockwise[name], values, rtol=1e-12)


@given(images=images, seed=st.integers(0, 100))
def test_the_order_of_the_images_does_not_matter(images: Any, seed: int) -> None:
    u, level, wrong, _ = images
    p = 0.9 - 0.1 * level
    P, y = np.column_stack([p, 1 - p]), wrong.astype(int)
    order = np.random.default_rng(seed).permutation(len(u))
    for metric in (*RANKED, metrics.fpr95):
        np.testing.assert_allclose(
            metric(P[order], y[order], u[order]), metric(P, y, u), atol=1e-13
        )
    for metric in (metrics.ece, metrics.adaptive_ece):
        shuffled = metric(p[order], ~wrong[order], bins=4)
        assert shuffled == pytest.approx(metric(p, ~wrong, bins=4), abs=1e-13)


@given(images=images, steps=st.lists(st.floats(1e-3, 1e3), min_size=5, max_size=5))
def test_only_the_order_of_the_uncertainty_matters(images: Any, steps: list[float]) -> None:
    u, _, wrong, _ = images
    p, y = of_wrong(wrong)
    increasing = np.cumsum(steps) - 500
    for metric in (*RANKED, metrics.fpr95):
        np.testing.assert_array_equal(metric(p, y, increasing[u]), metric(p, y, u))


@given(images=images)
def test_bounds(images: Any) -> None:
    u, level, wrong, _ = images
    # With two classes, a wrong image's label is always less probable than a right one's.
    p = 0.9 - 0.05 * level
    P, y = np.column_stack([p, 1 - p]), wrong.astype(int)
    error = wrong.mean()
    assert 0 <= metrics.ause(P, y, u, ties="average") < 1
    assert abs(metrics.ause(P, y, u)) < 1
    assert 0 <= metrics.random_level(P, y, ties="average") <= error
    assert 0 <= metrics.aurc(P, y, u) <= 1 + 1e-14
    assert -1e-14 <= metrics.eaurc(P, y, u) <= metrics.aurc(P, y, u)
    assert error**2 / 2 <= metrics.augrc(P, y, u) + 1e-14 <= error + 1e-13
    if 0 < error < 1:
        assert 0 <= metrics.auroc(P, y, u) <= 1
        assert 0 <= metrics.fpr95(P, y, u) <= 1


def test_an_uncertainty_can_beat_the_oracle() -> None:
    # The wrong image's label has .45, the right one's only .35: 1 - P[y] keeps the wrong one.
    p, y = [[0.55, 0.45, 0], [0.35, 0.33, 0.32]], [1, 0]
    assert metrics.ause(p, y, [1, 0], steps=2) == -0.5
    # Nor is such an oracle better than chance, so there is nothing to divide by.
    assert metrics.random_level(p, y, steps=2) == -0.25
    assert np.isnan(metrics.ause_over_random(p, y, [1, 0], steps=2))


def test_an_uncertainty_that_knows_the_errors_is_as_good_as_the_oracle() -> None:
    p, y = predictions(400, classes=2)
    wrong = p.argmax(axis=1) != y
    assert metrics.ause(p, y, 1 - p[np.arange(400), y]) == 0
    assert metrics.ause(p, y, wrong + np.arange(400) / 400) == pytest.approx(0, abs=1e-15)
    assert metrics.auroc(p, y, wrong) == 1
    assert metrics.fpr95(p, y, wrong) == 0
    assert metrics.eaurc(p, y, wrong) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("ties", ["inclusive", "average"])
def test_a_random_uncertainty_is_at_the_random_level(ties: str) -> None:
    p, y = predictions(3000)
    generator = np.random.default_rng(1)
    ratios = [metrics.ause_over_random(p, y, generator.random(3000), ties=ties) for _ in range(20)]
    assert np.mean(ratios) == pytest.approx(1, abs=0.02)
    assert metrics.ause_over_random(p, y, np.zeros(3000), ties=ties) == 1


def test_closed_form_random_level() -> None:
    # A perfect oracle's curve is (e - f) / (1 - f) up to f = e: its area by numerical integration.
    error, removed = 0.23, (np.arange(200000) + 0.5) / 200000
    oracle = np.maximum(error - removed, 0) / (1 - removed)
    assert metrics.closed_form_random_level(error) == pytest.approx(error - oracle.mean(), abs=1e-9)
    assert metrics.closed_form_random_level(0) == metrics.closed_form_random_level(1) == 0
    with pytest.raises(PipelineError, match="error is 23"):
        metrics.closed_form_random_level(23)


@pytest.mark.parametrize(
    ("wrong", "ause", "aurc", "augrc"),
    [([0, 0, 0], 0, 0, 0), ([1, 1, 1], 0, 1, 0.5), ([0], 0, 0, 0), ([1], 0, 1, 0.5)],
)
@pytest.mark.parametrize("ties", ["inclusive", "average"])
def test_nothing_to_rank(
    wrong: list[int], ause: float, aurc: float, augrc: float, ties: str
) -> None:
    p, y = of_wrong(wrong)
    u = np.arange(len(wrong))
    assert metrics.ause(p, y, u, ties=ties) == metrics.random_level(p, y, ties=ties) == ause
    assert np.isnan(metrics.ause_over_random(p, y, u, ties=ties))
    assert metrics.aurc(p, y, u) == pytest.approx(aurc)
    assert metrics.eaurc(p, y, u) == pytest.approx(0)
    assert metrics.augrc(p, y, u) == augrc
    assert np.isnan(metrics.auroc(p, y, u))
    assert np.isnan(metrics.fpr95(p, y, u))


def test_infinite_uncertainties_are_ties() -> None:
    p, y = of_wrong([0, 1, 0, 1])
    infinite = [0, np.inf, np.inf, 1]
    assert metrics.aurc(p, y, infinite) == metrics.aurc(p, y, [0, 9, 9, 1])


@given(images=images, ties=st.sampled_from(["inclusive", "average"]))
def test_weights_are_repetitions(images: Any, ties: str) -> None:
    u, _, wrong, weights = images
    weights[0] += 1
    weighted = Ranking(u, wrong).retained(weights[None])
    repeated = Ranking(np.repeat(u, weights), np.repeat(wrong, weights)).retained()
    assert (
        weighted.curve(steps=7, ties=ties).tolist() == repeated.curve(steps=7, ties=ties).tolist()
    )
    for name in ("aurc", "eaurc", "augrc", "auroc", "fpr95"):
        np.testing.assert_allclose(
            getattr(weighted, name)(), getattr(repeated, name)(), rtol=1e-13, atol=1e-14
        )


@pytest.mark.parametrize("ties", ["inclusive", "average"])
def test_bootstrap_equals_literal_resampling(ties: str) -> None:
    p, y = predictions(40)
    u, confidence = np.round(p[:, 0], 1), np.round(p[:, 1], 2)
    evaluation = Evaluation.of(p, y, u, confidence, bins=7, steps=9, ties=ties)
    drawn = metrics.bootstrap(evaluation, resamples=150, seed=3)
    literal = []
    for i in np.random.default_rng(3).integers(40, size=(150, 40)):
        literal.append(
            {
                "accuracy": metrics.accuracy(p[i], y[i]),
                "nll": metrics.nll(p[i], y[i]),
                "brier": metrics.brier(p[i], y[i]),
                "ause": metrics.ause(p[i], y[i], u[i], steps=9, ties=ties),
                "aurg": metrics.aurg(p[i], y[i], u[i], steps=9, ties=ties),
                "random_level": metrics.random_level(p[i], y[i], steps=9, ties=ties),
                **{
                    key: getattr(metrics, key)(p[i], y[i], u[i])
                    for key in ("aurc", "eaurc", "augrc", "auroc", "fpr95")
                },
            }
        )
    for name in literal[0]:
        values = [each[name] for each in literal]
        np.testing.assert_allclose(drawn[name], values, rtol=1e-12, atol=1e-14)


def test_networks_are_resampled_alike() -> None:
    p, y = predictions(60)
    other, _ = predictions(60, seed=1)
    one, two = (
        metrics.bootstrap(Evaluation.of(each, y), resamples=50, seed=4) for each in (p, other)
    )
    # On the same images, the accuracies of a network and of its opposite add up to 1.
    right = p.argmax(axis=1) == y
    opposite = metrics.bootstrap(Evaluation.of(*of_wrong(right)), resamples=50, seed=4)
    np.testing.assert_allclose(one["accuracy"] + opposite["accuracy"], 1, rtol=1e-12)
    assert (one["accuracy"] != two["accuracy"]).any()


def test_bootstrap_of_the_accuracy_is_binomial() -> None:
    p, y = of_wrong([0] * 300 + [1] * 100)
    drawn = metrics.bootstrap(Evaluation.of(p, y), resamples=2000)["accuracy"]
    low, high = metrics.percentile_interval(drawn)
    deviation = np.sqrt(0.75 * 0.25 / 400)
    assert low == pytest.approx(0.75 - 1.96 * deviation, abs=0.005)
    assert high == pytest.approx(0.75 + 1.96 * deviation, abs=0.005)


@pytest.mark.parametrize(
    ("p", "y", "message"),
    [
        (np.empty((0, 3)), np.empty(0, int), r"shape \(0, 3\)"),
        ([0.5, 0.5], [0], r"shape \(2,\)"),
        ([[1.0]], [0], r"shape \(1, 1\)"),
        (P, Y[:4], r"labels have shape \(4,\)"),
        (P, Y.astype(float), "type float64"),
        (P, [0, 1, 2, 3, 0], "run from 0 to 3, expected 0 to 2"),
        (P, [0, 1, 2, -1, 0], "run from -1 to 2"),
        (np.where(P == 0.9, np.nan, P), Y, "image 0 have the sum nan"),
        (10 * P, Y, "image 0 have the sum 10"),
        ([[0.5, 0.5], [1.5, -0.5]], [0, 1], "image 1 have the sum 1 and the minimum -0.5"),
    ],
)
def test_invalid_predictions_are_refused(p: Any, y: Any, message: str) -> None:
    for metric in (metrics.accuracy, metrics.ause, metrics.classwise_ece):
        with pytest.raises(PipelineError, match=message):
            metric(p, y)


@pytest.mark.parametrize(
    ("u", "message"),
    [([0, 1, np.nan, 2, np.nan], "2 NaN among 5 images .the first: image 2"), ([1, 2], "shape")],
)
def test_invalid_uncertainties_are_refused(u: Any, message: str) -> None:
    for metric in RANKED:
        with pytest.raises(PipelineError, match=message):
            metric(P, Y, u)


@pytest.mark.parametrize(
    ("confidence", "correct", "message"),
    [
        ([], [], "at least 1 image"),
        ([0.5], [1, 0], "expected one number each"),
        ([0.5, np.nan], [1, 0], "confidence runs from nan"),
        ([0.5, 1.5], [1, 0], "to 1.5"),
        ([0.5, 0.5], [1, 2], "correct holds 2"),
    ],
)
def test_invalid_confidences_are_refused(confidence: Any, correct: Any, message: str) -> None:
    for metric in (metrics.ece, metrics.adaptive_ece, metrics.reliability_bins):
        with pytest.raises(PipelineError, match=message):
            metric(confidence, correct)


def test_invalid_options_are_refused() -> None:
    with pytest.raises(PipelineError, match="unknown ties 'best'; known: inclusive, average"):
        metrics.ause(P, Y, ties="best")
    with pytest.raises(PipelineError, match="steps is 0"):
        metrics.ause(P, Y, steps=0)
    with pytest.raises(PipelineError, match="bins is 0"):
        metrics.ece([0.5], [1], bins=0)
    with pytest.raises(PipelineError, match="bins is 0"):
        metrics.classwise_ece(P, Y, bins=0)
    with pytest.raises(PipelineError, match="resamples is 0"):
        metrics.bootstrap(Evaluation.of(P, Y), resamples=0)
