"""What Snakemake plans is what must run: exact sets of jobs, written down by hand."""

import os
import shutil
from collections.abc import Mapping
from typing import Any

import pytest
from support import Project, jobs, snapshot

NOTHING = jobs("")
DRAW = jobs("""
    draw tables and figures
    the whole study
""")

RANDOM = DRAW + jobs("""
    prune digits/resnet18/{plain-0,plain-1,dropout-0}/random-0.5
    fine-tune digits/resnet18/{plain-0,plain-1,dropout-0}/random-0.5
    predict digits/resnet18/{plain-0,plain-1,dropout-0}/random-0.5
    score digits/resnet18/{msp,mc_dropout,ensemble}/random-0.5
""")
WITH_RANDOM = {"pruners": ["l1", "resrep", "random"]}

L1 = DRAW + jobs("""
    prune digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
    fine-tune digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
    predict digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
    score digits/resnet18/{msp,mc_dropout,ensemble}/l1-0.5
""")

TRAIN = jobs("train digits/resnet18/{plain-0,plain-1,dropout-0}")

CHECK = jobs("check digits/resnet18/cuts")

SCORES = DRAW + jobs("score digits/resnet18/{msp,mc_dropout,ensemble}{,/l1-0.5,/resrep-0.5}")

EVERYTHING = (
    SCORES
    + TRAIN
    + CHECK
    + jobs("""
    read digits
    prune digits/resnet18/{plain-0,plain-1,dropout-0}/{l1-0.5,resrep-0.5}
    fine-tune digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
    predict digits/resnet18/{plain-0,plain-1,dropout-0}{,/l1-0.5,/resrep-0.5}
""")
)


def delete(project: Project, *stages: str) -> None:
    """Delete all artifacts of some stages."""
    for stage in stages:
        for folder in list(project.artifacts.rglob(f"{stage}~*")):
            shutil.rmtree(folder)


def test_nothing_is_there(project: Project) -> None:
    shutil.rmtree(project.artifacts)
    assert project.planned() == EVERYTHING


def test_nothing_changed(project: Project) -> None:
    before = snapshot(project.artifacts)
    assert project.planned() == NOTHING
    assert "Nothing to be done" in project.run()
    assert snapshot(project.artifacts) == before


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"finetune": {"epochs": 2}},
            DRAW
            + jobs("""
                fine-tune digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
                predict digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
                score digits/resnet18/{msp,mc_dropout,ensemble}/l1-0.5
            """),
            id="an option of fine-tuning",
        ),
        pytest.param(
            {"pruners": [{"name": "l1", "coupling": "independent"}, "resrep"]},
            DRAW
            + jobs("""
                prune digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
                fine-tune digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
                predict digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
                score digits/resnet18/{msp,mc_dropout,ensemble}/l1-0.5
            """),
            id="an option of a pruner",
        ),
        pytest.param(
            {"prune": {"epochs": 2, "drop_last": True}},
            DRAW
            + jobs("""
                prune digits/resnet18/{plain-0,plain-1,dropout-0}/resrep-0.5
                predict digits/resnet18/{plain-0,plain-1,dropout-0}/resrep-0.5
                score digits/resnet18/{msp,mc_dropout,ensemble}/resrep-0.5
            """),
            id="an option of a pruner that trains",
        ),
        pytest.param(
            {"dropout": 0.3},
            DRAW
            + CHECK
            + jobs("""
                train digits/resnet18/dropout-0
                prune digits/resnet18/dropout-0/{l1-0.5,resrep-0.5}
                fine-tune digits/resnet18/dropout-0/l1-0.5
                predict digits/resnet18/dropout-0{,/l1-0.5,/resrep-0.5}
                score digits/resnet18/mc_dropout{,/l1-0.5,/resrep-0.5}
            """),
            id="the dropout",
        ),
        pytest.param(
            {"mc_samples": 3},
            DRAW
            + jobs("""
                predict digits/resnet18/dropout-0{,/l1-0.5,/resrep-0.5}
                score digits/resnet18/mc_dropout{,/l1-0.5,/resrep-0.5}
            """),
            id="the number of samples",
        ),
        pytest.param({"score": {"bootstrap": 20, "steps": 20}}, SCORES, id="an option of metrics"),
        pytest.param({"figures": {"formats": ["svg"]}}, DRAW, id="an option of figures"),
        pytest.param(
            {"datasets": [{"name": "digits", "path": "somewhere"}]},
            NOTHING,
            id="where the data set is",
        ),
        pytest.param(WITH_RANDOM, RANDOM, id="a pruner more"),
        pytest.param({"pruners": ["l1"]}, DRAW, id="a pruner less"),
        pytest.param(
            {"sparsities": [0.5, 0.75]},
            DRAW
            + jobs("""
                prune digits/resnet18/{plain-0,plain-1,dropout-0}/{l1-0.75,resrep-0.75}
                fine-tune digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.75
                predict digits/resnet18/{plain-0,plain-1,dropout-0}/{l1-0.75,resrep-0.75}
                score digits/resnet18/{msp,mc_dropout,ensemble}/{l1-0.75,resrep-0.75}
            """),
            id="a sparsity more",
        ),
        pytest.param({"sparsities": [0]}, DRAW, id="a sparsity less"),
        pytest.param(
            {"ensemble_size": 3},
            DRAW
            + jobs("""
                train digits/resnet18/plain-2
                prune digits/resnet18/plain-2/{l1-0.5,resrep-0.5}
                fine-tune digits/resnet18/plain-2/l1-0.5
                predict digits/resnet18/plain-2{,/l1-0.5,/resrep-0.5}
                score digits/resnet18/ensemble{,/l1-0.5,/resrep-0.5}
            """),
            id="a member more",
        ),
        pytest.param(
            {
                "study": "other",
                "pruners": ["l1", "batchnorm"],
                "uncertainties": ["ensemble"],
                "finetune": {"epochs": 1, "lr": 0.01},
            },
            DRAW
            + jobs("""
                prune digits/resnet18/{plain-0,plain-1}/batchnorm-0.5
                fine-tune digits/resnet18/{plain-0,plain-1}/{l1-0.5,batchnorm-0.5}
                predict digits/resnet18/{plain-0,plain-1}/{l1-0.5,batchnorm-0.5}
                score digits/resnet18/ensemble/{l1-0.5,batchnorm-0.5}
            """),
            id="another study with the same networks",
        ),
    ],
)
def test_a_changed_study(project: Project, changes: Mapping[str, Any], expected: Any) -> None:
    """What a change makes, once, and that nothing but the drawing is made when it is undone."""
    assert project.planned(**changes) == expected
    assert project.planned() == NOTHING
    project.pretend(**changes)
    assert project.planned(**changes) == NOTHING
    # Each study draws into a folder of its own.
    same_folder = expected and "study" not in changes
    assert project.planned() == (DRAW if same_folder else NOTHING)


@pytest.mark.parametrize(
    ("smaller", "expected"),
    [
        pytest.param(
            {"uncertainties": ["msp", "mc_dropout"]},
            DRAW
            + jobs("""
                train digits/resnet18/plain-1
                prune digits/resnet18/plain-1/{l1-0.5,resrep-0.5}
                fine-tune digits/resnet18/plain-1/l1-0.5
                predict digits/resnet18/plain-1{,/l1-0.5,/resrep-0.5}
                score digits/resnet18/ensemble{,/l1-0.5,/resrep-0.5}
            """),
            id="the ensemble",
        ),
        pytest.param(
            {"uncertainties": ["msp", "ensemble"]},
            DRAW
            + CHECK
            + jobs("""
                train digits/resnet18/dropout-0
                prune digits/resnet18/dropout-0/{l1-0.5,resrep-0.5}
                fine-tune digits/resnet18/dropout-0/l1-0.5
                predict digits/resnet18/dropout-0{,/l1-0.5,/resrep-0.5}
                score digits/resnet18/mc_dropout{,/l1-0.5,/resrep-0.5}
            """),
            id="mc dropout",
        ),
        pytest.param(
            {"uncertainties": ["mc_dropout", "ensemble"]},
            DRAW + jobs("score digits/resnet18/msp{,/l1-0.5,/resrep-0.5}"),
            id="msp, whose predictions the ensemble has",
        ),
    ],
)
def test_an_uncertainty_method_removed_and_added(
    project: Project, smaller: Mapping[str, Any], expected: Any
) -> None:
    assert project.planned(**smaller) == DRAW
    freed = project.call("pipeline", "gc", project.write("smaller", **smaller), "--delete")
    assert freed.returncode == 0, freed.stderr
    project.pretend(**smaller)
    assert project.planned(**smaller) == NOTHING
    assert project.planned() == expected


def test_a_change_that_was_run_and_undone(project: Project) -> None:
    """With real runs: what was computed before is found again, and only drawn anew."""
    changes = {"score": {"bootstrap": 10}, "uncertainties": ["msp"], "pruners": ["l1"]}
    before = snapshot(project.artifacts / "digits")
    numbers = (project.artifacts / "studies/tiny/results.csv").read_bytes()
    assert project.planned(**changes) == DRAW + jobs("score digits/resnet18/msp{,/l1-0.5}")
    project.run(**changes)
    assert project.planned(**changes) == NOTHING
    assert project.planned() == DRAW
    project.run()
    assert before.items() <= snapshot(project.artifacts / "digits").items()
    assert (project.artifacts / "studies/tiny/results.csv").read_bytes() == numbers
    assert project.planned() == NOTHING


def test_deleted_checkpoints_are_made_when_they_are_needed_and_no_sooner(project: Project) -> None:
    delete(project, "prune", "finetune")
    assert project.planned() == NOTHING
    assert project.planned(**WITH_RANDOM) == RANDOM
    delete(project, "train")
    assert project.planned() == NOTHING
    # The check that is there knew no random pruner.
    assert project.planned(**WITH_RANDOM) == RANDOM + TRAIN + CHECK
    delete(project, "data")
    assert project.planned(**WITH_RANDOM) == RANDOM + TRAIN + CHECK + jobs("read digits")


def test_deleted_predictions_are_made_when_they_are_needed_and_no_sooner(project: Project) -> None:
    delete(project, "infer")
    assert project.planned() == NOTHING
    again = {"score": {"steps": 20}, "uncertainties": ["msp"], "pruners": ["resrep"]}
    assert project.planned(**again) == DRAW + jobs("""
        predict digits/resnet18/plain-0{,/resrep-0.5}
        score digits/resnet18/msp{,/resrep-0.5}
    """)
    # The network is there; what it was pruned from is not, and need not be.
    delete(project, "train")
    assert project.planned(**again) == DRAW + CHECK + jobs("""
        train digits/resnet18/plain-0
        predict digits/resnet18/plain-0{,/resrep-0.5}
        score digits/resnet18/msp{,/resrep-0.5}
    """)


def test_a_deleted_score_and_deleted_drawings(project: Project) -> None:
    (score,) = (project.artifacts / "digits/resnet18/msp/l1-0.5").glob("score~*")
    shutil.rmtree(score)
    assert project.planned() == DRAW + jobs("score digits/resnet18/msp/l1-0.5")
    project.pretend()
    (project.artifacts / "studies/tiny/results.csv").unlink()
    assert project.planned() == DRAW
    shutil.rmtree(project.artifacts / "studies")
    assert project.planned() == DRAW


@pytest.mark.parametrize("how", ["reversed", "all the same", "now", "in any order"])
def test_time_stamps_mean_nothing(project: Project, how: str) -> None:
    files = sorted(
        (path for path in project.artifacts.rglob("*") if path.is_file()),
        key=lambda path: (path.stat().st_mtime_ns, path),
    )
    for number, path in enumerate(files):
        at = {"reversed": -number, "all the same": 0, "in any order": hash(path.name) % 999}
        os.utime(path, None if how == "now" else (1_700_000_000 + at[how],) * 2)
    assert project.planned() == NOTHING
    assert project.planned(**WITH_RANDOM) == RANDOM


def test_snakemake_need_not_remember_anything(project: Project) -> None:
    shutil.rmtree(project.folder / ".snakemake")
    assert project.planned() == NOTHING
    assert project.planned(**WITH_RANDOM) == RANDOM


def test_artifacts_may_be_copied(project: Project) -> None:
    shutil.copytree(project.artifacts, project.folder / "elsewhere", copy_function=shutil.copyfile)
    elsewhere = ("--config", "artifacts=elsewhere")
    assert project.planned(*elsewhere) == NOTHING
    shutil.rmtree(project.artifacts)
    assert project.planned(*elsewhere, **WITH_RANDOM) == RANDOM
    assert project.planned() == EVERYTHING
    shutil.rmtree(project.folder / "elsewhere/digits")
    assert project.planned(*elsewhere) == EVERYTHING


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("pruning/l1.py", "def scores(", "EDITED = True\n\n\ndef scores(", L1),
        ("pruning/l1.py", '"""', '"""An edited docstring. ', NOTHING),
        ("pruning/l1.py", "def scores(", "# An edited comment.\ndef scores(", NOTHING),
        ("pruning/hrank.py", "def scores(", "EDITED = True\n\n\ndef scores(", NOTHING),
        ("metrics/calibration.py", "def ece(", "EDITED = True\n\n\ndef ece(", SCORES),
        (
            "uncertainty/msp.py",
            'MODELS = "member"',
            'MODELS = "member"\nEDITED = True',
            DRAW + jobs("score digits/resnet18/msp{,/l1-0.5,/resrep-0.5}"),
        ),
        ("report/style.py", "SETTINGS: Any", "EDITED = True\nSETTINGS: Any", DRAW),
        ("report/tables/sizes.py", "def sizes(", "EDITED = True\n\n\ndef sizes(", DRAW),
        ("running/job.py", "INTERRUPTED = 75", "EDITED = True\nINTERRUPTED = 75", NOTHING),
        (
            "engine/training.py",
            "def fit(",
            "EDITED = True\n\n\ndef fit(",
            EVERYTHING - jobs("read digits"),
        ),
    ],
)
def test_edited_code(project: Project, file: str, old: str, new: str, expected: Any) -> None:
    """What an edit makes, and that nothing is made when it is undone."""
    project.edit(file, old, new)
    assert project.planned() == expected
    project.edit(file, new, old)
    assert project.planned() == NOTHING


def test_an_edit_that_was_run_and_undone(project: Project) -> None:
    project.edit("uncertainty/msp.py", 'MODELS = "member"', 'MODELS = "member"\nEDITED = True')
    made = jobs("score digits/resnet18/msp{,/l1-0.5,/resrep-0.5}")
    assert project.planned() == DRAW + made
    project.run()
    assert project.planned() == NOTHING
    project.edit("uncertainty/msp.py", "\nEDITED = True", "")
    assert project.planned() == DRAW


def test_an_edit_declared_harmless_is(project: Project) -> None:
    edits = {
        "pruning/l1.py": "def scores(",
        "metrics/calibration.py": "def ece(",
        "report/style.py": "SETTINGS: Any",
    }
    for file, definition in edits.items():
        project.edit(file, definition, f"EDITED = True\n{definition}")
    assert project.planned() == SCORES + jobs("""
        prune digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
        fine-tune digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
        predict digits/resnet18/{plain-0,plain-1,dropout-0}/l1-0.5
    """)
    told = project.call("pipeline", "code", "--study", "study.yaml").stdout
    edited = [line.split(":")[0] for line in told.splitlines() if ": edited" in line]
    assert {"pruning.l1", "stages.score", "stages.plot"} <= set(edited)
    (told_of_l1,) = [line for line in told.splitlines() if line.startswith("pruning.l1: edited")]
    assert "3 prune" in told_of_l1
    assert project.call("pipeline", "code", "--same", *edited).returncode == 0
    assert project.planned() == NOTHING
    # The code as it was before is known as well.
    for file in edits:
        project.edit(file, "EDITED = True\n", "")
    assert project.planned() == NOTHING


EDITING_DATASET = """
from pathlib import Path

from pipeline.datasets import digits

def load(folder=None):
    file = Path("src/pipeline/pruning/l1.py")
    file.write_text(file.read_text() + "EDITED = True\\n")
    return digits.load()
"""


def test_an_edit_while_a_run_is_under_way(project: Project) -> None:
    """The first job edits the pruner; what was planned with the old one is refused."""
    (project.folder / "editing.py").write_text(EDITING_DATASET)
    study: dict[str, Any] = {
        "study": "edited", "datasets": ["editing"], "plugins": ["editing.py"], "pruners": ["l1"],
        "uncertainties": ["msp"], "train": {"epochs": 1},
    }  # fmt: skip
    done = project.snakemake(**study)
    assert done.returncode == 1
    refused = "check: planned from other code or another study; run snakemake again"
    assert refused in done.stdout + done.stderr
    stored = [path.parent for path in (project.artifacts / "editing").rglob("manifest.json")]
    # Trainings wait for the check, and that is of the pruner.
    assert [folder.name.split("~")[0] for folder in stored] == ["data"]
    assert project.planned(**study) == DRAW + jobs("""
        check editing/resnet18/cuts
        train editing/resnet18/plain-0
        prune editing/resnet18/plain-0/l1-0.5
        fine-tune editing/resnet18/plain-0/l1-0.5
        predict editing/resnet18/plain-0{,/l1-0.5}
        score editing/resnet18/msp{,/l1-0.5}
    """)


@pytest.mark.parametrize(
    ("entry", "like"),
    [
        ("datasets/new.py", "datasets/digits.py"),
        ("models/new.py", "models/resnet18.py"),
        ("pruning/new.py", "pruning/l1.py"),
        ("uncertainty/new.py", "uncertainty/msp.py"),
    ],
)
def test_an_entry_added_to_a_registry(project: Project, entry: str, like: str) -> None:
    package = project.folder / "src" / "pipeline"
    shutil.copy(package / like, package / entry)
    assert project.planned() == NOTHING
    if entry == "pruning/new.py":
        renamed = jobs("\n".join(RANDOM.elements()).replace("random-0.5", "new-0.5"))
        assert project.planned(pruners=["l1", "resrep", "new"]) == renamed


def test_forgotten_artifacts_are_made_again(project: Project) -> None:
    (folder,) = (project.artifacts / "digits/resnet18/plain-1/l1-0.5").glob("finetune~*")
    before = (folder / "model.safetensors").read_bytes()
    told = project.call("pipeline", "forget", f"artifacts/{folder.relative_to(project.artifacts)}")
    assert len(told.stdout.splitlines()) == 4
    assert "forgot artifacts/digits/resnet18/ensemble/l1-0.5/score~" in told.stdout
    assert project.planned() == DRAW + jobs("""
        fine-tune digits/resnet18/plain-1/l1-0.5
        predict digits/resnet18/plain-1/l1-0.5
        score digits/resnet18/ensemble/l1-0.5
    """)
    project.run()
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "option",
    [
        ["-R", "train"], ["-Rtrain"], ["--forcerun", "train"], ["--forcerun=train"],
        ["--forcer", "train"], ["--forcer=train"], ["-nR", "train"], ["-R", "plot", "score"],
        ["-R", "{predictions}"], ["-f", "train"], ["--force", "{predictions}"],
        ["-f", "all", "{predictions}"], ["-f", "digits/resnet18/plain-0"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_cached_jobs_are_not_forced(finished: Project, option: list[str]) -> None:
    (folder,) = (finished.artifacts / "digits/resnet18/plain-0").glob("infer~*")
    file = f"artifacts/digits/resnet18/plain-0/{folder.name}/predictions.safetensors"
    status, printed = finished.dry_run(*(word.format(predictions=file) for word in option))
    assert status == 1
    forced = {"{predictions}": file, "plot": "score", "all": file}.get(option[-1], option[-1])
    message = printed.splitlines()[-1]
    assert message.endswith("make nothing again here; use: python -m pipeline forget PLACE")
    assert forced.removeprefix("-R").split("=")[-1] in message


def test_what_is_not_cached_may_be_forced(project: Project) -> None:
    assert project.planned("-R", "plot") == DRAW
    assert project.planned("-f", "figures") == jobs("all figures")
    # A forced drawing hides no score that is missing.
    (score,) = (project.artifacts / "digits/resnet18/msp").glob("score~*")
    shutil.rmtree(score)
    assert project.planned("-R", "plot") == DRAW + jobs("score digits/resnet18/msp")


def test_forcing_all_looks_at_all(project: Project) -> None:
    assert project.planned("--forceall") == EVERYTHING
    assert project.planned("-F", **WITH_RANDOM) == EVERYTHING + RANDOM - DRAW


def test_settings_that_mislead_snakemake_are_refused(project: Project) -> None:
    for option in (("--workflow-profile", "none"), ("--rerun-triggers", "code", "mtime")):
        status, printed = project.dry_run(*option)
        assert status == 1
        assert printed.splitlines()[-1] == (
            "only missing files are made: a profile needs all keys of profiles/default"
        )


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("figures", "draw tables and figures\nall figures"),
        ("tables", "draw tables and figures\nall tables"),
        ("predictions", ""),
        ("digits/resnet18/msp/l1-0.5", ""),
        (
            "digits/resnet18/ensemble/l1-0.5",
            "score digits/resnet18/ensemble/l1-0.5\nall at digits/resnet18/ensemble/l1-0.5",
        ),
        (
            "digits/resnet18/plain-1/l1-0.5",
            """
            prune digits/resnet18/plain-1/l1-0.5
            fine-tune digits/resnet18/plain-1/l1-0.5
            all at digits/resnet18/plain-1/l1-0.5
            """,
        ),
        (
            "digits/resnet18/plain-1",
            "train digits/resnet18/plain-1\nall at digits/resnet18/plain-1",
        ),
    ],
)
def test_parts_are_targets(project: Project, target: str, expected: str) -> None:
    delete(project, "train", "prune", "finetune")
    for place in ("ensemble/l1-0.5", "ensemble"):
        (score,) = (project.artifacts / "digits/resnet18" / place).glob("score~*")
        shutil.rmtree(score)
    needed = jobs(expected)
    if target in ("figures", "tables"):
        needed += jobs("score digits/resnet18/ensemble{,/l1-0.5}")
    if target == "digits/resnet18/plain-1/l1-0.5":
        needed += jobs("train digits/resnet18/plain-1")
    assert project.planned(target) == needed
