"""The real workflow on a tiny study: its files, its numbers, and its complaints."""

import json

import numpy as np
import pandas as pd
import pytest
from support import Project

from pipeline.cache.payloads import load_predictions

NETWORKS = ("plain-0", "plain-1", "dropout-0")


def test_everything_is_there(finished: Project) -> None:
    folder = finished.artifacts / "studies" / "tiny"
    assert (folder / "results.csv").is_file()
    assert (folder / "tables" / "sizes.md").is_file()
    assert len(list((folder / "figures").glob("*.png"))) >= 3


def test_the_numbers_are_the_predictions(finished: Project) -> None:
    """Accuracy and AUSE in the table, computed again from the logits in the plainest way."""
    frame = pd.read_csv(finished.artifacts / "studies" / "tiny" / "results.csv")
    frame = frame.fillna({"pruner": "none"})
    for place, pruner, sparsity in (("plain-0", "none", 0.0), ("plain-0/l1-0.5", "l1", 0.5)):
        (file,) = (finished.artifacts / "digits/resnet18" / place).glob("infer~*/*.safetensors")
        predictions = load_predictions(file)
        logits = predictions.logits[0].astype(np.float64)
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        wrong = p.argmax(1) != predictions.labels

        def curve(u: np.ndarray, wrong: np.ndarray = wrong) -> np.ndarray:
            ordered, n = wrong[np.argsort(u)], len(u)
            keep = [n - -(-(n - 1) * k // 50) for k in range(50)]
            return np.array([ordered[:m].mean() for m in keep] + [0.0])

        truth = p[np.arange(len(p)), predictions.labels]
        ause = np.trapezoid(curve(1 - p.max(1)) - curve(1 - truth), dx=1 / 50)
        mine = (frame["pruner"] == pruner) & (frame["sparsity"] == sparsity) & frame["default"]
        row = frame[mine & (frame["uncertainty"] == "msp")].set_index("metric")["value"]
        assert row["accuracy"] == pytest.approx(1 - wrong.mean(), abs=1e-12)
        assert row["ause"] == pytest.approx(ause, abs=2e-3)
        assert 0 < row["accuracy"] < 1


def test_the_ensemble_is_its_members(finished: Project) -> None:
    files = [
        next((finished.artifacts / "digits/resnet18" / member).glob("infer~*/*.safetensors"))
        for member in NETWORKS[:2]
    ]
    members = [load_predictions(file) for file in files]
    mean = np.mean([member.logits[0] for member in members], axis=0)
    (scores,) = (finished.artifacts / "digits/resnet18/ensemble").glob("score~*/scores.json")
    content = json.loads(scores.read_text())
    found = content["definitions"]["logit_variance"]["accuracy"]["value"]
    assert found == pytest.approx((mean.argmax(1) == members[0].labels).mean())
    assert content["samples"] == 2


def test_pruned_networks_are_smaller(finished: Project) -> None:
    (report,) = (finished.artifacts / "digits/resnet18/plain-0/l1-0.5").glob("prune~*/report.json")
    content = json.loads(report.read_text())
    assert set(content["widths"].values()) == {2, 4, 8, 16}
    assert content["parameters"] < 0.3 * content["parameters_before"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prunners": ["l1"]}, "study: the study: unknown key 'prunners'; allowed: study, "),
        ({"pruners": ["l2"]}, "study: pruners[0]: unknown pruner 'l2'; known: batchnorm, fpgm, "),
        ({"sparsities": [1.0]}, "study: sparsities[0]: 1.0 is not at least 0 and below 1"),
    ],
)
def test_a_bad_study_ends_in_one_line(
    finished: Project, changes: dict[str, object], message: str
) -> None:
    status, printed = finished.dry_run(**changes)
    assert status == 1
    assert message in printed
    complaint = printed[printed.index("study:") :].strip()
    assert "\n" not in complaint


def test_a_missing_data_folder_fails_its_job_only(project: Project) -> None:
    missing = {"datasets": [{"name": "cifar100", "path": "nowhere"}]}
    assert project.planned(**missing)["read cifar100"] == 1
    done = project.snakemake("--quiet", "host", **missing)
    assert done.returncode == 1
    assert "data: CIFAR100 is not in nowhere: expected nowhere/cifar-100-python" in done.stderr


def test_the_default_study_does_not_leak_into_another(finished: Project) -> None:
    """config.yaml's width and epochs must not fill in what another study leaves out."""
    (manifest,) = (finished.artifacts / "digits/resnet18/plain-1").glob("train~*/manifest.json")
    spec = json.loads(manifest.read_text())["spec"]
    assert spec["recipe"] == {"epochs": 2, "batch_size": 64, "lr": 0.05, "drop_last": True}
    assert spec["options"] == [["width", 0.0625]]
