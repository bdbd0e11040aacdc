"""Scores: every metric of every definition, as the metrics themselves give it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import metrics
from pipeline.errors import PipelineError
from pipeline.metrics import Evaluation, catalogue
from pipeline.metrics.conformal import Method
from pipeline.metrics.scoring import score
from pipeline.registry import use_plugins
from pipeline.uncertainty import SCORES, estimate

# These have tests of their own, as have the intervals.
MORE = {
    "ece_debiased",
    "ece_probability_debiased",
    "ece_clipped",
    "p_chance",
    "ece_scaled_debiased",
}
CALIBRATION = [
    *("ece", "ece_7", "ece_probability", "ece_probability_7", "adaptive_ece"),
    *("ece_scaled", "adaptive_ece_scaled"),
]
PROPORTIONS = ["accuracy", "lac_coverage", "aps_coverage"]
METRICS = [
    *PROPORTIONS,
    "nll",
    "brier",
    "temperature",
    "nll_scaled",
    "brier_scaled",
    "lac_size",
    "aps_size",
    "mean_uncertainty",
    "ause",
    "ause_average_ties",
    "random_level",
    "aurg",
    "ause_over_random",
    "aurc",
    "eaurc",
    "augrc",
    "auroc",
    "fpr95",
    "classwise_ece",
    *CALIBRATION,
]
SETS: tuple[Method, ...] = ("lac", "aps")


def predictions(samples: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = generator.integers(4, size=60)
    logits = generator.normal(size=(samples, 60, 4)).astype(np.float32)
    logits[:, np.arange(60), labels] += 1
    return logits, labels


def values(scores: dict[str, Any], definition: str) -> dict[str, Any]:
    return {name: entry["value"] for name, entry in scores["definitions"][definition].items()}


def test_every_definition_has_every_metric() -> None:
    logits, labels = predictions()
    scores, curves = score(
        logits, labels, method="ensemble", options={}, bins=(5, 7), steps=9, bootstrap=30, seed=2
    )
    sizes = {key: scores[key] for key in ("samples", "images", "classes", "default")}
    assert sizes == {"samples": 3, "images": 60, "classes": 4, "default": "logit_variance"}
    assert next(iter(scores["definitions"])) == "logit_variance"
    assert set(scores["definitions"]) == set(SCORES)

    for name in scores["definitions"]:
        result = estimate(logits, name)
        P, u, confidence = result.probabilities, result.uncertainty, result.confidence
        correct = result.prediction == labels
        ids = np.arange(60)
        scaled, temperatures = metrics.cross_fitted(
            logits.astype(np.float64).mean(axis=0), labels, ids
        )
        sets = {each: metrics.conformal_sets(P, labels, ids, method=each) for each in SETS}
        expected = {
            "temperature": np.sqrt(np.prod(temperatures)),
            "nll_scaled": metrics.nll(scaled, labels),
            "brier_scaled": metrics.brier(scaled, labels),
            "ece_scaled": metrics.ece(scaled.max(axis=1), correct, bins=5),
            "adaptive_ece_scaled": metrics.adaptive_ece(scaled.max(axis=1), correct, bins=5),
            **{f"{each}_coverage": sets[each][ids, labels].mean() for each in SETS},
            **{f"{each}_size": sets[each].sum(axis=1).mean() for each in SETS},
            "mean_uncertainty": u.mean(),
            **{key: getattr(metrics, key)(P, labels) for key in ("accuracy", "nll", "brier")},
            "ause": metrics.ause(P, labels, u, steps=9),
            "ause_average_ties": metrics.ause(P, labels, u, steps=9, ties="average"),
            "random_level": metrics.random_level(P, labels, steps=9),
            "aurg": metrics.aurg(P, labels, u, steps=9),
            "ause_over_random": metrics.ause_over_random(P, labels, u, steps=9),
            "ece": metrics.ece(confidence, correct, bins=5),
            "ece_7": metrics.ece(confidence, correct, bins=7),
            "ece_probability": metrics.ece(P.max(axis=1), correct, bins=5),
            "ece_probability_7": metrics.ece(P.max(axis=1), correct, bins=7),
            "adaptive_ece": metrics.adaptive_ece(P.max(axis=1), correct, bins=5),
            "classwise_ece": metrics.classwise_ece(P, labels, bins=5),
            **{
                key: getattr(metrics, key)(P, labels, u)
                for key in ("aurc", "eaurc", "augrc", "auroc", "fpr95")
            },
        }
        assert set(expected) == set(METRICS)
        found = values(scores, name)
        assert {key: found.pop(key) for key in MORE}.keys() == MORE
        assert found == pytest.approx(expected, rel=1e-13)

        evaluation = Evaluation.of(P, labels, u, confidence, bins=5, steps=9)
        drawn = metrics.bootstrap(evaluation, resamples=30, seed=2)
        for key, entry in scores["definitions"][name].items():
            own = catalogue.resampled_key(key)
            # That between quantiles is resampled of the default definition alone.
            due = own in drawn and (name == "logit_variance" or own != "ece_clipped")
            assert ("low" in entry) == due
            if key in (*PROPORTIONS, *CALIBRATION, *MORE, "fpr95") or "low" not in entry:
                continue
            low, high = np.quantile(drawn[key], [0.025, 0.975])
            found = catalogue.find(key)
            if found and found.needs == "ranking" and key != "aurg":
                # Of fewer than 30 right images these reach further.
                assert entry["low"] < low < high < entry["high"]
            else:
                assert (entry["low"], entry["high"]) == pytest.approx((low, high), rel=1e-12)
        stored = {key for key in curves if key.startswith(f"{name}/resamples/")}
        if name == "logit_variance":
            assert stored == {f"{name}/resamples/{key}" for key in drawn}
            for key, each in drawn.items():
                np.testing.assert_allclose(curves[f"{name}/resamples/{key}"], each, rtol=1e-7)
        else:
            assert not stored

        predicted, oracle = metrics.sparsification_curves(P, labels, u, steps=9)
        np.testing.assert_array_equal(curves[f"{name}/predicted"], predicted)
        np.testing.assert_array_equal(curves[f"{name}/oracle"], oracle)
        reliability = metrics.reliability_bins(confidence, correct, bins=5)
        np.testing.assert_array_equal(curves[f"{name}/reliability"], reliability)
    assert len(curves) == len(SCORES) * 3 + 2 * 23


def test_the_choice_of_ties_holds_for_the_curves_and_their_areas() -> None:
    logits, labels = predictions()
    logits = logits.round()
    average, curves = score(
        logits, labels, method="ensemble", options={}, ties="average", bootstrap=0
    )
    entries = values(average, "logit_variance")
    assert entries["ause"] == entries["ause_average_ties"]
    inclusive, other = score(logits, labels, method="ensemble", options={}, bootstrap=0)
    assert values(inclusive, "logit_variance")["ause"] != entries["ause"]
    assert values(inclusive, "logit_variance")["ause_average_ties"] == entries["ause"]
    assert (curves["logit_variance/predicted"] != other["logit_variance/predicted"]).any()
    assert "low" not in inclusive["definitions"]["msp"]["ause"]


def test_options_reach_the_method() -> None:
    logits, labels = predictions()
    scores, _ = score(
        logits, labels, method="mc_dropout", options={"score": "entropy", "clip": 0.1}, bootstrap=0
    )
    assert scores["default"] == next(iter(scores["definitions"])) == "entropy"
    confidence = estimate(logits, "entropy", clip=0.1).confidence
    correct = estimate(logits).prediction == labels
    assert values(scores, "entropy")["ece"] == metrics.ece(confidence, correct)


def test_members_may_come_as_separate_arrays() -> None:
    logits, labels = predictions()
    whole, _ = score(logits, labels, method="ensemble", options={}, bootstrap=10)
    parts, _ = score(
        [part[None] for part in logits], labels, method="ensemble", options={}, bootstrap=10
    )
    assert parts == whole


def test_undefined_values_are_null() -> None:
    logits, _ = predictions(samples=1)
    scores, curves = score(logits, logits[0].argmax(axis=1), method="msp", options={}, bootstrap=10)
    entries = values(scores, "msp")
    assert entries["accuracy"] == 1
    assert entries["ause"] == 0
    undefined = {name for name, value in entries.items() if value is None}
    # No error can be ranked, and no temperature is best.
    assert undefined == {
        "auroc", "fpr95", "ause_over_random", "temperature", "nll_scaled", "brier_scaled",
        "ece_scaled", "ece_scaled_debiased", "adaptive_ece_scaled",
    }  # fmt: skip
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    kinds = {name: "float32" if "resamples" in name else "float64" for name in curves}
    assert {name: str(curve.dtype) for name, curve in curves.items()} == kinds


def test_a_method_may_have_probabilities_of_its_own(tmp_path: Path) -> None:
    plugin = tmp_path / "two_views.py"
    plugin.write_text(
        "from pipeline.uncertainty import estimate\n"
        "MODELS = 'ensemble'\n"
        "def estimates(logits):\n"
        "    return {f'view {i}': estimate(logits[i:i + 1], 'msp') for i in range(2)}\n"
    )
    use_plugins([plugin])
    logits, labels = predictions()
    scores, _ = score(logits, labels, method="two_views", options={}, bootstrap=0)
    for i in range(2):
        probabilities = estimate(logits[i : i + 1], "msp").probabilities
        assert values(scores, f"view {i}")["nll"] == metrics.nll(probabilities, labels)


def test_shifted_images_are_scaled_by_what_the_clean_ones_ask_for() -> None:
    logits, labels = predictions()
    ids = np.arange(60) + 7
    shifted = logits[:, 10:40] * 3
    scores, _ = score(
        shifted, labels[10:40], method="ensemble", options={}, bootstrap=0, ids=ids[10:40],
        clean=(logits, labels, ids),
    )  # fmt: skip
    found = values(scores, "logit_variance")
    means = logits.astype(np.float64).mean(axis=0)
    P, temperatures = metrics.cross_fitted(
        shifted.astype(np.float64).mean(axis=0),
        labels[10:40],
        ids[10:40],
        clean=(means, labels, ids),
    )
    assert found["temperature"] == pytest.approx(np.sqrt(np.prod(temperatures)))
    assert found["nll_scaled"] == pytest.approx(metrics.nll(P, labels[10:40]))
    before, after = (estimate(each).probabilities for each in (logits, shifted))
    sets = metrics.conformal_sets(after, labels[10:40], ids[10:40], clean=(before, labels, ids))
    assert found["lac_size"] == pytest.approx(sets.sum(axis=1).mean())


def test_labels_of_other_images_are_refused() -> None:
    logits, labels = predictions()
    with pytest.raises(PipelineError, match=r"labels have shape \(59,\)"):
        score(logits, labels[1:], method="ensemble", options={})


def test_scoring_starts_without_heavy_imports() -> None:
    heavy = ("torch", "scipy", "pandas", "sklearn", "matplotlib", "torchvision")
    code = (
        "import sys, pipeline.metrics, pipeline.uncertainty.ensemble, pipeline.stages.score\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
