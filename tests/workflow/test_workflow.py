"""The real workflow on a tiny study: its files, its numbers, and what an edit makes it do again."""

import json
import os
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from support import Project, snapshot

from pipeline.artifacts import load_predictions

NETWORKS = ("plain-0", "plain-1", "dropout-0")
METHODS = ("msp", "mc_dropout", "ensemble")
DRAW = Counter({"draw tables and figures": 1, "the whole study": 1})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose tiny study has been run."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.run()
    return project


def jobs(*parts: str) -> Counter[str]:
    return Counter(parts) + DRAW


def after_pruning(pruner: str, *stages: str) -> list[str]:
    """The jobs that a pruner's networks need."""
    on_networks = [f"{stage} digits/resnet18/{n}/{pruner}" for stage in stages for n in NETWORKS]
    return on_networks + [f"score digits/resnet18/{method}/{pruner}" for method in METHODS]


def test_everything_is_there(project: Project) -> None:
    stages = Counter(
        path.parent.name.split("~")[0] for path in project.artifacts.rglob("manifest.json")
    )
    assert stages == {"data": 1, "train": 3, "prune": 6, "finetune": 3, "infer": 9, "score": 9}
    folder = project.artifacts / "studies" / "tiny"
    assert (folder / "results.csv").is_file()
    assert (folder / "tables" / "sizes.md").is_file()
    assert len(list((folder / "figures").glob("*.png"))) >= 3


def test_the_numbers_are_the_predictions(project: Project) -> None:
    """Accuracy and AUSE in the table, computed again from the logits in the plainest way."""
    frame = pd.read_csv(project.artifacts / "studies" / "tiny" / "results.csv")
    frame = frame.fillna({"pruner": "none"})
    for place, pruner, sparsity in (("plain-0", "none", 0.0), ("plain-0/l1-0.5", "l1", 0.5)):
        (file,) = (project.artifacts / "digits/resnet18" / place).glob("infer~*/*.safetensors")
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


def test_the_ensemble_is_its_members(project: Project) -> None:
    files = [
        next((project.artifacts / "digits/resnet18" / member).glob("infer~*/*.safetensors"))
        for member in NETWORKS[:2]
    ]
    members = [load_predictions(file) for file in files]
    mean = np.mean([member.logits[0] for member in members], axis=0)
    (scores,) = (project.artifacts / "digits/resnet18/ensemble").glob("score~*/scores.json")
    content = json.loads(scores.read_text())
    found = content["definitions"]["logit_variance"]["accuracy"]["value"]
    assert found == pytest.approx((mean.argmax(1) == members[0].labels).mean())
    assert content["samples"] == 2


def test_pruned_networks_are_smaller(project: Project) -> None:
    (report,) = (project.artifacts / "digits/resnet18/plain-0/l1-0.5").glob("prune~*/report.json")
    content = json.loads(report.read_text())
    assert set(content["widths"].values()) == {2, 4, 8, 16}
    assert content["parameters"] < 0.3 * content["parameters_before"]


def test_a_second_run_does_nothing(project: Project) -> None:
    before = snapshot(project.artifacts)
    assert project.planned() == {}
    assert "Nothing to be done" in project.run()
    assert snapshot(project.artifacts) == before


def test_results_do_not_depend_on_when_files_were_touched(project: Project) -> None:
    for number, path in enumerate(sorted(project.artifacts.rglob("*~*/*"), reverse=True)):
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    assert set(project.planned()) <= set(DRAW)
    project.run()
    assert project.planned() == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"finetune": {"epochs": 2}}, jobs(*after_pruning("l1-0.5", "fine-tune", "predict"))),
        (
            {"pruners": [{"name": "l1", "coupling": "independent"}, "resrep"]},
            jobs(*after_pruning("l1-0.5", "prune", "fine-tune", "predict")),
        ),
        ({"pruners": ["l1"]}, DRAW),
        (
            {"pruners": ["l1", "resrep", "random"]},
            jobs(*after_pruning("random-0.5", "prune", "fine-tune", "predict")),
        ),
        (
            {"mc_samples": 3},
            jobs(
                *(
                    f"predict digits/resnet18/dropout-0{at}"
                    for at in ("", "/l1-0.5", "/resrep-0.5")
                ),
                *(f"score digits/resnet18/mc_dropout{at}" for at in ("", "/l1-0.5", "/resrep-0.5")),
            ),
        ),
        (
            {"score": {"bootstrap": 20, "steps": 20}},
            jobs(
                *(
                    f"score digits/resnet18/{method}{at}"
                    for method in METHODS
                    for at in ("", "/l1-0.5", "/resrep-0.5")
                )
            ),
        ),
        ({"figures": {"formats": ["svg"]}}, DRAW),
        ({"datasets": [{"name": "digits", "path": "somewhere"}]}, Counter()),
    ],
)
def test_a_changed_study_makes_only_what_depends_on_it(
    project: Project, changes: dict[str, object], expected: Counter[str]
) -> None:
    assert project.planned(**changes) == expected
    assert project.planned() == {}


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("pruning/l1.py", '"""', '"""An edited docstring. ', Counter()),
        (
            "pruning/l1.py",
            "def scores(",
            "EDITED = True\n\n\ndef scores(",
            jobs(*after_pruning("l1-0.5", "prune", "fine-tune", "predict")),
        ),
        ("pruning/hrank.py", "def scores(", "EDITED = True\n\n\ndef scores(", Counter()),
        (
            "uncertainty/msp.py",
            'MODELS = "member"',
            'MODELS = "member"\nEDITED = True',
            jobs(*(f"score digits/resnet18/msp{at}" for at in ("", "/l1-0.5", "/resrep-0.5"))),
        ),
        ("figures/style.py", "SETTINGS: Any", "EDITED = True\nSETTINGS: Any", DRAW),
        ("job.py", "INTERRUPTED = 75", "EDITED = True\nINTERRUPTED = 75", Counter()),
    ],
)
def test_edited_code_makes_only_what_it_computes(
    project: Project, file: str, old: str, new: str, expected: Counter[str]
) -> None:
    path = project.folder / "src" / "pipeline" / file
    before = path.read_text()
    path.write_text(before.replace(old, new, 1))
    try:
        assert project.planned() == expected
    finally:
        path.write_text(before)
    assert project.planned() == {}


def test_an_edit_declared_harmless_is(project: Project) -> None:
    path = project.folder / "src" / "pipeline" / "pruning" / "l1.py"
    before = path.read_text(), (project.folder / "src/pipeline/code.lock").read_text()
    path.write_text(before[0].replace("def scores(", "EDITED = True\n\n\ndef scores(", 1))
    try:
        told = project.call("pipeline", "code", "--study", "study.yaml")
        assert "pruning.l1: edited; the study 'tiny' makes anew: " in told.stdout
        assert "3 prune" in told.stdout
        assert project.call("pipeline", "code", "--same", "pruning.l1").returncode == 0
        assert project.planned() == {}
    finally:
        path.write_text(before[0])
        (project.folder / "src/pipeline/code.lock").write_text(before[1])


def test_forgotten_artifacts_are_made_again(project: Project) -> None:
    (folder,) = (project.artifacts / "digits/resnet18/plain-1/l1-0.5").glob("finetune~*")
    before = (folder / "model.safetensors").read_bytes()
    told = project.call("pipeline", "forget", f"artifacts/{folder.relative_to(project.artifacts)}")
    assert len(told.stdout.splitlines()) == 4
    assert "forgot artifacts/digits/resnet18/ensemble/l1-0.5/score~" in told.stdout
    assert project.planned() == jobs(
        "fine-tune digits/resnet18/plain-1/l1-0.5",
        "predict digits/resnet18/plain-1/l1-0.5",
        "score digits/resnet18/ensemble/l1-0.5",
    )
    project.run()
    assert (folder / "model.safetensors").read_bytes() == before


def test_a_deleted_checkpoint_is_made_only_when_it_is_needed(project: Project) -> None:
    for folder in (project.artifacts / "digits/resnet18").glob("*/l1-0.5/finetune~*"):
        shutil.rmtree(folder)
    assert project.planned() == {}
    project.run()


def test_only_the_predictions_are_needed_to_draw(project: Project) -> None:
    frozen = ("--config", "frozen=true", "artifacts=artifacts", "output=drawn")
    printed = project.run(*frozen)
    assert "tables and figures: drawn/studies/tiny" in printed
    mine, first = (
        (project.folder / root / "studies/tiny/results.csv").read_text()
        for root in ("drawn", "artifacts")
    )
    assert mine == first
    lacking = project.snakemake(*frozen, pruners=["l1", "random"])
    assert lacking.returncode == 1
    assert (
        "frozen: no predictions in artifacts/digits/resnet18/dropout-0/random-0.5/infer~"
        in lacking.stderr
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prunners": ["l1"]}, "study: the study: unknown key 'prunners'; allowed: study, "),
        ({"pruners": ["l2"]}, "study: pruners[0]: unknown pruner 'l2'; known: batchnorm, hrank, "),
        ({"sparsities": [1.0]}, "study: sparsities[0]: 1.0 is not at least 0 and below 1"),
    ],
)
def test_a_bad_study_ends_in_one_line(
    project: Project, changes: dict[str, object], message: str
) -> None:
    done = project.snakemake("--dry-run", **changes)
    assert done.returncode == 1
    assert message in done.stderr
    complaint = done.stderr[done.stderr.index("study:") :].strip()
    assert "\n" not in complaint


def test_a_missing_data_folder_fails_its_job_only(project: Project) -> None:
    missing = {"datasets": [{"name": "cifar100", "path": "nowhere"}]}
    assert project.planned(**missing)["read cifar100"] == 1
    done = project.snakemake("--quiet", "host", **missing)
    assert done.returncode == 1
    assert "data: CIFAR100 is not in nowhere: expected nowhere/cifar-100-python" in done.stderr


def test_the_default_study_does_not_leak_into_another(project: Project) -> None:
    """config.yaml's width and epochs must not fill in what another study leaves out."""
    shown = project.call("pipeline", "where", "study.yaml")
    assert shown.returncode == 0
    (manifest,) = (project.artifacts / "digits/resnet18/plain-1").glob("train~*/manifest.json")
    spec = json.loads(manifest.read_text())["spec"]
    assert spec["recipe"] == {"epochs": 2, "batch_size": 64, "lr": 0.05, "drop_last": True}
    assert spec["options"] == [["width", 0.0625]]
