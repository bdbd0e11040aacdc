"""Temperatures and conformal sets against known truths, other libraries and literal loops."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from pipeline import metrics
from pipeline.errors import PipelineError
from pipeline.metrics import (
    Evaluation,
    catalogue,
    conformal_sets,
    cross_fitted,
    fit_temperature,
    halves,
)
from pipeline.metrics.halves import dice


def calibrated(images: int, classes: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their softmax: the best temperature is 1."""
    draw = np.random.default_rng(seed)
    z = draw.normal(0, 2, (images, classes))
    # The largest logit + Gumbel noise is a draw from the softmax.
    return z, (z + draw.gumbel(size=z.shape)).argmax(axis=1)


def nll(z: np.ndarray, y: np.ndarray) -> float:
    return float(-log_softmax(z, axis=1)[np.arange(len(y)), y].mean())


def test_halves_follow_from_the_id_alone() -> None:
    ids = np.arange(10_000)
    half = halves(ids)
    assert abs(half.mean() - 0.5) < 0.02
    np.testing.assert_array_equal(halves(ids[::-1])[::-1], half)
    np.testing.assert_array_equal(halves([str(each) for each in ids]), half)
    # Neighbours are in the same half as often as not, so that an order by class does no harm.
    assert abs((half[1:] == half[:-1]).mean() - 0.5) < 0.02
    # What decides ties is uniform in either half.
    for part in (dice(ids)[half], dice(ids)[~half]):
        counts = np.histogram(part, 10, (0, 1))[0]
        assert abs(counts - len(part) / 10).max() < 5 * math.sqrt(len(part) / 10)
    assert halves([]).shape == (0,)


@pytest.mark.parametrize("factor", [0.01, 0.4, 2.5, 1e4])
def test_the_temperature_undoes_a_factor(factor: float) -> None:
    z, y = calibrated(20_000)
    assert fit_temperature(factor * z, y) == pytest.approx(factor, rel=0.03)
    # Exactly so relative to the best temperature of the sample itself.
    assert fit_temperature(factor * z, y) == pytest.approx(factor * fit_temperature(z, y), rel=1e-9)


@pytest.mark.parametrize(("images", "classes"), [(40, 2), (300, 10), (500, 100)])
@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_the_temperature_is_that_of_another_minimiser(
    images: int, classes: int, factor: float
) -> None:
    z, y = calibrated(images, classes)
    z = factor * z + 1000
    found = minimize_scalar(
        lambda x: nll(z * np.exp(-x), y), bounds=(-6, 6), method="bounded", options={"xatol": 1e-10}
    )
    assert fit_temperature(z, y) == pytest.approx(math.exp(found.x), rel=1e-5)
    assert fit_temperature(z.astype(np.float32), y) == pytest.approx(math.exp(found.x), rel=1e-3)


def test_two_classes_and_one_gap_have_a_closed_form() -> None:
    # All logits are (0, 3), and 4 of 5 labels are class 1: p = .8 asks for a gap of ln 4.
    z, y = np.tile([0.0, 3.0], (5, 1)), np.array([1, 1, 0, 1, 1])
    assert fit_temperature(z, y) == pytest.approx(3 / math.log(4), rel=1e-10)


def test_where_no_temperature_is_best_there_is_none() -> None:
    z, y = calibrated(50)
    assert math.isnan(fit_temperature(z, z.argmax(axis=1)))
    assert math.isnan(fit_temperature(-z, y))
    assert math.isnan(fit_temperature(np.empty((0, 10)), np.empty(0, int)))
    with pytest.raises(PipelineError, match=r"logits have shape \(50, 10\) and labels \(49,\)"):
        fit_temperature(z, y[1:])


def test_extreme_logits_have_a_temperature() -> None:
    z, y = calibrated(200)
    # A single wrong image, by a hair, among 200.
    right = z.argmax(axis=1)
    z[0, right[0]] = np.sort(z[0])[-2] - 1e-9
    assert 0 < fit_temperature(z, right) < 1
    assert fit_temperature(1e150 * z, y) == pytest.approx(1e150 * fit_temperature(z, y), rel=1e-6)


def test_each_half_is_scaled_by_the_temperature_of_the_other() -> None:
    z, y = calibrated(1000)
    ids = np.arange(1000) + 5000
    second = halves(ids)
    # The two halves differ on purpose.
    z[second] *= 4
    P, (first, other) = cross_fitted(z, y, ids)
    assert first == pytest.approx(fit_temperature(z[~second], y[~second]), rel=1e-12)
    assert other == pytest.approx(4 * first, rel=0.3)
    np.testing.assert_allclose(P[second], softmax(z[second] / first, axis=1), rtol=1e-12)
    np.testing.assert_allclose(P[~second], softmax(z[~second] / other, axis=1), rtol=1e-12)


def test_shifted_images_have_the_temperatures_of_the_clean_ones() -> None:
    z, y = calibrated(600)
    ids = np.arange(600)
    shifted = np.random.default_rng(1).permutation(600)[:200]
    P, temperatures = cross_fitted(
        5 * z[shifted], np.full(200, -1), ids[shifted], clean=(2 * z, y, ids)
    )
    assert temperatures == cross_fitted(2 * z, y, ids)[1]
    other = np.where(halves(ids[shifted]), *temperatures)[:, None]
    np.testing.assert_allclose(P, softmax(5 * z[shifted] / other, axis=1), rtol=1e-12)


def scored(z: np.ndarray, y: np.ndarray, ids: np.ndarray) -> dict[str, float]:
    evaluation = Evaluation.of(softmax(z, axis=1), y, ids=ids)
    return {
        key: value
        for metric in catalogue.METRICS
        if metric.needs == "probabilities"
        for key, value in metric.values(evaluation, (15,)).items()
    }


def test_metrics_after_scaling_are_those_of_the_scaled_probabilities() -> None:
    from torch import as_tensor
    from torchmetrics.functional.classification import multiclass_calibration_error

    z, y = calibrated(3000)
    ids = np.arange(3000)
    found = scored(2.5 * z, y, ids)
    P, temperatures = cross_fitted(2.5 * z, y, ids)
    assert found["temperature"] == pytest.approx(math.sqrt(math.prod(temperatures)))
    assert found["temperature"] == pytest.approx(2.5, rel=0.05)
    assert found["nll_scaled"] == pytest.approx(metrics.nll(P, y), rel=1e-12)
    assert found["brier_scaled"] == pytest.approx(metrics.brier(P, y), rel=1e-12)
    confidence, correct = P.max(axis=1), P.argmax(axis=1) == y
    for key in ("ece", "adaptive_ece"):
        expected = getattr(metrics, key)(confidence, correct)
        assert found[f"{key}_scaled"] == pytest.approx(expected, rel=1e-12)
    torch_ece = multiclass_calibration_error(as_tensor(P), as_tensor(y), 10, n_bins=15)
    assert found["ece_scaled"] == pytest.approx(torch_ece.item(), abs=1e-6)
    # The truth is known: before it is overconfident, after it is calibrated.
    assert found["ece_scaled_debiased"] < 0.01 < 0.1 < found["ece_probability_debiased"]
    assert found["nll_scaled"] < found["nll"]
    assert found["adaptive_ece_scaled"] < 0.5 * found["adaptive_ece"]


def test_a_perfect_network_has_no_temperature_and_no_metrics_after_it() -> None:
    z, _ = calibrated(100)
    y = z.argmax(axis=1)
    found = scored(z, y, np.arange(100))
    undefined = {key for key, value in found.items() if math.isnan(value)}
    assert undefined == {
        "temperature", "nll_scaled", "brier_scaled", "ece_scaled", "ece_scaled_debiased",
        "adaptive_ece_scaled",
    }  # fmt: skip
    for key in undefined - {"temperature"}:
        assert np.isnan(metrics.interval(key, softmax(z, axis=1), y, resamples=10)).all()


def literal_sets(
    P: np.ndarray, y: np.ndarray, ids: np.ndarray, method: str, level: float
) -> np.ndarray:
    """Image by image and class by class."""
    luck, second = dice(ids), halves(ids)

    def of(image: int, label: int) -> float:
        own = P[image, label]
        if method == "lac":
            return float(1 - own)
        return float(P[image][P[image] > own].sum() + luck[image] * own)

    sets = np.zeros(P.shape, bool)
    for image in range(len(P)):
        others = sorted(of(i, y[i]) for i in range(len(P)) if second[i] != second[image])
        place = math.ceil((len(others) + 1) * level - 1e-9)
        threshold = others[place - 1] if place <= len(others) else math.inf
        sets[image] = [of(image, label) <= threshold + 1e-15 for label in range(P.shape[1])]
    return sets


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("level", [0.9, 0.6])
def test_sets_are_those_of_a_literal_loop(method: str, level: float) -> None:
    z, y = calibrated(120, 6)
    P, ids = softmax(z, axis=1), np.arange(120) * 7
    found = conformal_sets(P, y, ids, method=method, level=level)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, literal_sets(P, y, ids, method, level))


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_cover_nine_of_ten_whatever_the_network_is(method: str) -> None:
    z, y = calibrated(20_000)
    sizes = []
    for factor in (0.2, 1.0, 5.0):
        P = softmax(factor * z, axis=1)
        sets = conformal_sets(P, y, np.arange(20_000), method=method)  # type: ignore[arg-type]
        assert sets[np.arange(20_000), y].mean() == pytest.approx(0.9, abs=0.01)
        sizes.append(sets.sum(axis=1).mean())
    # Of the true probabilities LAC has the smallest sets that can be.
    if method == "lac":
        assert sizes[1] < 0.999 * min(sizes[0], sizes[2])


def test_few_images_have_sets_of_all_classes() -> None:
    z, y = calibrated(10)
    assert conformal_sets(softmax(z, axis=1), y, np.arange(10)).all()
    with pytest.raises(PipelineError, match="expected lac or aps"):
        conformal_sets(softmax(z, axis=1), y, np.arange(10), level=1.0)


def test_sets_of_shifted_images_have_the_thresholds_of_the_clean_ones() -> None:
    z, y = calibrated(4000)
    P, ids = softmax(z, axis=1), np.arange(4000)
    shifted = np.random.default_rng(3).permutation(y)
    clean = conformal_sets(P, shifted, ids, clean=(P, y, ids))
    np.testing.assert_array_equal(clean, conformal_sets(P, y, ids))
    # Labels that have nothing to do with the images are in as many sets as there are classes.
    assert clean[np.arange(4000), shifted].mean() == pytest.approx(clean.mean(), abs=0.03)


class Fixed:
    """A classifier of mapie's interface, whose images are their own probabilities."""

    classes_ = np.arange(10)
    __sklearn_is_fitted__ = staticmethod(lambda: True)

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Fixed":
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X.argmax(axis=1)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return X


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_are_those_of_mapie(method: str) -> None:
    from mapie.classification import SplitConformalClassifier

    z, y = calibrated(4000)
    P, ids = softmax(1.5 * z, axis=1), np.arange(4000)
    P = P / P.sum(axis=1, keepdims=True)
    second = halves(ids)
    theirs = np.zeros(P.shape, bool)
    for half in (second, ~second):
        mapie = SplitConformalClassifier(Fixed(), conformity_score=method, random_state=0)
        mapie.conformalize(P[~half], y[~half])
        options = {"include_last_label": "randomized"} if method == "aps" else {}
        theirs[half] = mapie.predict_set(P[half], conformity_score_params=options)[1][:, :, 0]
    ours = conformal_sets(P, y, ids, method=method)  # type: ignore[arg-type]
    if method == "lac":
        np.testing.assert_array_equal(ours, theirs)
    # Those of APS depend on chance.
    assert ours.sum(axis=1).mean() == pytest.approx(theirs.sum(axis=1).mean(), rel=0.03)
    covered = [each[np.arange(4000), y].mean() for each in (ours, theirs)]
    assert covered[0] == pytest.approx(covered[1], abs=0.015)
