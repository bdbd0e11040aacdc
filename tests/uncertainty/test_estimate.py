"""Estimates against numbers worked out by hand and against the definitions in the plainest form."""

from itertools import combinations
from math import exp, log
from typing import Any

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.uncertainty import SCORES, compare, estimate, estimation

# Two samples of one image: probabilities (.1, .9) and (.5, .5), so mean logits (0, ln 3).
ODDS = np.array([[[0.0, 2 * log(3)]], [[0.0, 0.0]]])


def logits(samples: int = 3, images: int = 40, classes: int = 5) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(samples, images, classes)) * 2


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(p)).sum(axis=-1)


def plain(z: np.ndarray, score: str) -> np.ndarray:
    """The definitions, without a thought for rounding or memory."""
    p, each = softmax(z.mean(axis=0)), softmax(z)
    row, predicted = np.arange(z.shape[1]), p.argmax(axis=1)
    return {
        "msp": 1 - p.max(axis=1),
        "logit_variance": z.var(axis=0)[row, predicted],
        "probability_variance": each.var(axis=0)[row, predicted],
        "max_probability": 1 - each.mean(axis=0).max(axis=1),
        "entropy": entropy(each.mean(axis=0)),
        "mutual_information": entropy(each.mean(axis=0)) - entropy(each).mean(axis=0),
        "expected_entropy": entropy(each).mean(axis=0),
        "disagreement": np.mean(
            [a != b for a, b in combinations(z.argmax(axis=2), 2)] or [0], axis=0
        ),
        "max_logit": -z.mean(axis=0).max(axis=1),
        "energy": -np.log(np.exp(z.mean(axis=0)).sum(axis=1)),
    }[score]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("msp", 0.25),
        ("logit_variance", log(3) ** 2),
        ("probability_variance", 0.2**2),
        ("max_probability", 0.3),
        ("entropy", -0.3 * log(0.3) - 0.7 * log(0.7)),
        (
            "mutual_information",
            -0.3 * log(0.3) - 0.7 * log(0.7) + (0.1 * log(0.1) + 0.9 * log(0.9) - log(2)) / 2,
        ),
        ("expected_entropy", -(0.1 * log(0.1) + 0.9 * log(0.9) - log(2)) / 2),
        # The first sample predicts class 1, the second class 0, the first of two equal ones.
        ("disagreement", 1.0),
        ("max_logit", -log(3)),
        ("energy", -log(4)),
    ],
)
def test_scores_worked_by_hand(score: str, expected: float) -> None:
    result = estimate(ODDS, score)
    np.testing.assert_allclose(result.probabilities, [[0.25, 0.75]], rtol=1e-14)
    assert result.prediction.tolist() == [1]
    assert result.uncertainty == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("block", [1, 37, 2**18])
def test_scores_equal_their_definition_in_blocks_of_any_size(
    score: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimation, "BLOCK", block)
    z = logits()
    result = estimate(z, score)
    np.testing.assert_allclose(result.probabilities, softmax(z.mean(axis=0)), rtol=1e-13)
    np.testing.assert_array_equal(result.prediction, z.mean(axis=0).argmax(axis=1))
    np.testing.assert_allclose(result.uncertainty, plain(z, score), rtol=1e-11)


def test_max_probability_may_be_that_of_another_class() -> None:
    z = np.array([[[0.0, 10.0]], [[0.0, -4.0]], [[0.0, -4.0]]])
    result = estimate(z, "max_probability")
    assert result.prediction.tolist() == [1]
    second = (1 / (1 + exp(-10)) + 2 / (1 + exp(4))) / 3
    assert result.uncertainty == pytest.approx(second, rel=1e-13)
    assert second < 0.5


@pytest.mark.parametrize("score", ["msp", "max_probability"])
def test_confident_predictions_stay_ranked(score: str) -> None:
    # 1 - p rounds to 0 from a logit of 37 on.
    result = estimate(np.array([[[0.0, 40.0], [60.0, 0.0], [0.0, 100.0]]]), score)
    assert result.uncertainty == pytest.approx([exp(-40), exp(-60), exp(-100)], rel=1e-12, abs=0)


@pytest.mark.parametrize("score", SCORES)
def test_logits_of_any_size_give_finite_numbers(score: str) -> None:
    z = np.array([[[0.0, 3e4, -3e4]], [[3e4, 0.0, -3e4]], [[1.0, 2.0, 3.0]]])
    result = estimate(z, score)
    assert np.isfinite(result.uncertainty).all()
    assert result.probabilities.sum() == pytest.approx(1)
    # A constant per image cancels, save in what is said of the logits themselves.
    if score not in ("logit_variance", "max_logit", "energy"):
        shifted = estimate(z + 2.0**20, score)
        assert shifted.uncertainty == pytest.approx(result.uncertainty, abs=1e-9)


def test_samples_that_agree_hold_no_information() -> None:
    z = np.repeat(logits(1), 3, axis=0)
    for score in ("logit_variance", "probability_variance", "mutual_information", "disagreement"):
        values = estimate(z, score).uncertainty
        assert values.min() >= 0
        assert values == pytest.approx(0, abs=1e-14)


def test_entropy_has_two_parts() -> None:
    z = logits(samples=5)
    total, aleatoric, epistemic = (
        estimate(z, score).uncertainty
        for score in ("entropy", "expected_entropy", "mutual_information")
    )
    np.testing.assert_allclose(aleatoric + epistemic, total, rtol=1e-12)


def test_disagreement_counts_pairs() -> None:
    # Classes 0 0 1 2: one of six pairs agrees; 1 1 1 1: all do; 0 0 1 1: two of six.
    z = np.eye(3)[[[0, 1, 0], [0, 1, 0], [1, 1, 1], [2, 1, 1]]]
    assert estimate(z, "disagreement").uncertainty.tolist() == [5 / 6, 0, 4 / 6]
    # The most the members agree in has the confidence 1, the least 0.
    assert estimate(z, "disagreement").confidence == pytest.approx([0, 1, 0.2])


def test_estimates_know_their_mean_logits() -> None:
    z = logits()
    for result in compare(z, SCORES, "msp").values():
        np.testing.assert_array_equal(result.logits, z.mean(axis=0))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_is_converted_first(dtype: Any) -> None:
    z = logits().astype(dtype)
    for name, result in compare(z, SCORES, "msp").items():
        assert result.uncertainty.dtype == result.probabilities.dtype == np.float64
        expected = estimate(z.astype(np.float64), name).uncertainty
        np.testing.assert_array_equal(result.uncertainty, expected)


def test_a_sequence_of_arrays_equals_their_stack(tmp_path: Any) -> None:
    z = logits(samples=4).astype(np.float32)
    np.save(tmp_path / "first.npy", z[:1])
    parts = [np.load(tmp_path / "first.npy", mmap_mode="r"), z[1:3], z[3:]]
    for score in SCORES:
        result, whole = estimate(parts, score), estimate(z, score)
        np.testing.assert_array_equal(result.uncertainty, whole.uncertainty)
        np.testing.assert_array_equal(result.probabilities, whole.probabilities)


def test_compare_shares_one_pass_and_puts_the_chosen_first() -> None:
    z = logits()
    results = compare(z, ("msp", "entropy", "logit_variance"), "entropy")
    assert list(results) == ["entropy", "msp", "logit_variance"]
    assert len({id(result.probabilities) for result in results.values()}) == 1
    for score, result in results.items():
        np.testing.assert_array_equal(result.uncertainty, estimate(z, score).uncertainty)


def test_confidence_of_msp_is_the_probability() -> None:
    assert estimate(ODDS, "msp").confidence == pytest.approx(0.75)
    result = estimate(logits(), "msp")
    np.testing.assert_array_equal(result.confidence, result.probabilities.max(axis=1))


def test_confidence_is_one_minus_the_normalised_uncertainty() -> None:
    # Two samples that differ by 2 d in the predicted class have the logit variance d².
    z = np.array([[[9.0, 0.0]] * 4, [[9.0, 0.0]] * 4])
    z[:, :, 0] += np.array([[1], [-1]]) * np.sqrt([1.0, 2.0, 3.0, 5.0])
    assert estimate(z).uncertainty == pytest.approx([1, 2, 3, 5])
    assert estimate(z).confidence == pytest.approx([1, 0.75, 0.5, 0])
    # The quantiles 1/3 and 2/3 of four values are the second and the third.
    assert estimate(z, clip=1 / 3).confidence == pytest.approx([1, 1, 0, 0])
    assert estimate(z, clip=1 / 6).confidence == pytest.approx([1, 0.8, 0.4, 0])
    assert estimate(z, clip=1 / 6).uncertainty == pytest.approx([1, 2, 3, 5])
    assert estimate(z[:, 1:2]).confidence.tolist() == [1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((4, 3)), r"shape \(4, 3\), expected \[samples, images, classes\]"),
        ([], "shape none"),
        ([np.zeros((4, 3))], r"shape \(4, 3\)"),
        (np.zeros((0, 4, 3)), "expected at least one sample"),
        (np.zeros((2, 0, 3)), "expected at least 1 image and 2 classes"),
        (np.zeros((2, 4, 1)), "expected at least 1 image and 2 classes"),
        ([np.zeros((1, 4, 3)), np.zeros((1, 5, 3))], r"shape \(1, 4, 3\), \(1, 5, 3\)"),
    ],
)
def test_wrong_shapes_are_refused(value: Any, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        estimate(value, "msp")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(
    bad: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimation, "BLOCK", 60)
    z = logits()
    z[2, 17, 3] = bad
    with pytest.raises(PipelineError, match=rf"hold {bad} \(sample 2, image 17, class 3\)"):
        estimate(z, "msp")


def test_wrong_options_are_refused() -> None:
    with pytest.raises(PipelineError, match="'variance'; known: logit_variance, prob"):
        estimate(logits(), "variance")
    for clip in (-0.1, 0.5, float("nan")):
        with pytest.raises(PipelineError, match=f"clip is {clip}"):
            estimate(logits(), clip=clip)


@pytest.mark.parametrize(
    "score", ["logit_variance", "probability_variance", "mutual_information", "disagreement"]
)
def test_one_sample_cannot_disagree(score: str) -> None:
    with pytest.raises(PipelineError, match=f"{score} compares samples"):
        estimate(logits(1), score)
