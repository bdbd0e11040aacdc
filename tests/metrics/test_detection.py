"""Telling images of another data set apart, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from pipeline.metrics.bootstrap import count_weights
from pipeline.metrics.detection import (
    AUROC,
    FPR95,
    detection,
    interval,
    resampled,
    score_detection,
)
from pipeline.uncertainty import estimate


def oracle(own: np.ndarray, other: np.ndarray) -> dict[str, float]:
    truth = np.repeat([0, 1], [len(own), len(other)])
    scores = np.concatenate([own, other])
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    return {AUROC: roc_auc_score(truth, scores), FPR95: false[np.argmax(true >= 0.95)]}


@pytest.mark.parametrize("ties", [False, True])
def test_it_is_scikit_learns(ties: bool) -> None:
    random = np.random.default_rng(3)
    own, other = random.normal(size=240), random.normal(1, 2, size=100)
    if ties:
        own, other = own.round(1), other.round(1)
    assert detection(own, other) == pytest.approx(oracle(own, other))


def test_by_hand() -> None:
    assert detection([0, 1, 2, 3], [4, 5]) == {AUROC: 1, FPR95: 0}
    assert detection([4, 5], [0, 1, 2, 3]) == {AUROC: 0, FPR95: 1}
    # Of 6 pairs, 4 in order and one a tie; all others reach 2, as half of the own do.
    assert detection([1, 2], [2, 3, 0.5]) == {AUROC: 3.5 / 6, FPR95: 1}


def test_resamples_are_those_of_both_sets() -> None:
    random = np.random.default_rng(4)
    own, other = random.normal(size=30), random.normal(1, size=20)
    found = resampled(own, other, resamples=5, seed=7)
    drawn = np.concatenate(list(count_weights(30, 5, 7)))
    others = np.random.default_rng([7, 1]).integers(20, size=(5, 20))
    for row in range(5):
        expected = oracle(np.repeat(own, drawn[row]), other[others[row]])
        assert {key: values[row] for key, values in found.items()} == pytest.approx(expected)


def test_its_interval_covers_the_true_auroc() -> None:
    # Φ(1 / √2) for two normal distributions that are one deviation apart.
    truth, covered = 0.7602499389065233, 0
    random = np.random.default_rng(5)
    for seed in range(100):
        own, other = random.normal(size=150), random.normal(1, size=100)
        values = resampled(own, other, resamples=200, seed=seed)[AUROC]
        low, high = np.quantile(values, [0.025, 0.975])
        covered += low <= truth <= high
    assert covered >= 88


def test_an_interval_is_never_a_point() -> None:
    # Of 60 images none was out of order: at most 1 − .025^(1/60) are, or so.
    found = interval(1.0, np.ones(50), 200, 60)
    assert found["high"] == 1
    assert found["low"] == pytest.approx(0.025 ** (1 / 60), abs=0.02)
    assert interval(0.0, np.zeros(50), 200, 60)["high"] == pytest.approx(0.06, abs=0.02)
    assert interval(0.7, np.full(50, 0.7), 3, 60) == {"low": None, "high": None}


def test_every_definition_is_scored() -> None:
    random = np.random.default_rng(6)
    own, other = random.normal(size=(3, 40, 5)) * 3, random.normal(size=(3, 30, 5))
    content, curves = score_detection(
        list(own[:, None]), list(other[:, None]), method="ensemble", options={}, bootstrap=10
    )
    assert content["default"] == "logit_variance"
    assert (content["samples"], content["images"], content["classes"]) == (3, 30, 5)
    for name, entries in content["definitions"].items():
        expected = oracle(estimate(own, name).uncertainty, estimate(other, name).uncertainty)
        assert {key: entry["value"] for key, entry in entries.items()} == pytest.approx(expected)
        assert all(entry["low"] <= entry["high"] for entry in entries.values())
    assert curves[f"logit_variance/resamples/{AUROC}"].shape == (10,)
    assert not [name for name in curves if name.endswith("reliability")]
