"""From cached predictions alone: no data, no checkpoints, nothing that can be written to."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import Project, jobs, snapshot

from pipeline.cache import manifests, paths
from pipeline.cache.files import sha256
from pipeline.cache.payloads import save_predictions
from pipeline.cache.specs import Infer

LOCK = "src/pipeline/code.lock"
FROZEN = ("--config", "frozen=true", "output=drawn")

# Root may write anywhere; without this capability it is bound by permissions as anybody is.
BOUND_BY_PERMISSIONS = """
import ctypes, os, sys
CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24
if os.geteuid() == 0 and ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0):
    sys.exit("the capability could not be dropped")
os.execv(sys.argv[1], sys.argv[1:])
"""
AS_ANYBODY = (sys.executable, "-c", BOUND_BY_PERMISSIONS)


@pytest.fixture
def predictions(finished: Project, tmp_path: Path) -> Project:
    """A clean clone into which predictions were unpacked, which can't be written to."""
    project = Project(tmp_path)
    # What edited code goes by.
    shutil.copy(finished.folder / LOCK, tmp_path / LOCK)
    archive = tmp_path / "tiny.zip"
    for command in (
        finished.call("pipeline", "pack", finished.write(), str(archive)),
        project.call("pipeline", "unpack", archive.name),
    ):
        assert command.returncode == 0, command.stderr
    for path in (project.artifacts, *project.artifacts.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return project


def test_predictions_that_can_not_be_written_to_are_enough(
    finished: Project, predictions: Project
) -> None:
    # A test of the test: nothing can be written there.
    file = predictions.artifacts / "digits" / "new"
    writing = [*AS_ANYBODY, sys.executable, "-c", f"open({str(file)!r}, 'w')"]
    assert b"PermissionError" in subprocess.run(writing, capture_output=True).stderr

    before = snapshot(predictions.artifacts)
    study = "artifacts/studies/tiny/study.yaml"
    done = predictions.call("snakemake", "--configfile", study, *FROZEN, before=AS_ANYBODY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tables and figures: drawn/studies/tiny" in done.stdout + done.stderr
    assert snapshot(predictions.artifacts) == before
    drawn = predictions.folder / "drawn"
    assert {folder.name.split("~")[0] for folder in manifests.folders(drawn)} == {"score"}
    mine, first = drawn / "studies/tiny", finished.artifacts / "studies/tiny"
    tables = sorted(file.relative_to(mine) for file in mine.rglob("tables/*.*"))
    assert tables
    for table in (Path("results.csv"), *tables):
        assert (mine / table).read_bytes() == (first / table).read_bytes()
    assert sorted(file.name for file in (mine / "figures").iterdir()) == sorted(
        file.name for file in (first / "figures").iterdir()
    )
    assert predictions.planned(*FROZEN) == jobs("")


def test_a_missing_prediction_is_named(predictions: Project) -> None:
    status, printed = predictions.dry_run(*FROZEN, pruners=["l1", "random"])
    assert status == 1
    assert printed.splitlines()[-1].startswith(
        "study: frozen: no predictions in artifacts/digits/resnet18/dropout-0/random-0.5/infer~"
    )
    assert printed.endswith(" and 2 more\n")


def given_weights(content: bytes, project: Project) -> Infer:
    """A study's prediction with a network whose weights are in a file that is gone again."""
    file = project.folder / "weights.safetensors"
    file.write_bytes(content)
    (spec,) = [
        spec
        for spec in project.plan(**GIVEN).nodes.values()
        if isinstance(spec, Infer) and spec.place.endswith("plain-0")
    ]
    file.unlink()
    return spec


GIVEN = {
    "architectures": [
        {"name": "resnet18", "width": 0.0625, "init": {"plain-0": "weights.safetensors"}}
    ],
    "uncertainties": ["msp"],
    "sparsities": [],
}


def store(project: Project, spec: Infer) -> Path:
    """Predictions of four images, as if a network had made them."""
    folder = project.artifacts / paths.folder(spec)
    file = folder / "predictions.safetensors"
    save_predictions(file, [[[2.0, 0, 0], [0, 2, 0], [0, 0, 2], [1, 0, 0]]], [0, 1, 2, 1], range(4))
    manifests.Manifest(spec.fingerprint, spec.to_json(), {file.name: sha256(file)}, {}).write(
        folder
    )
    return folder


def test_given_weights_need_not_be_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    spec = given_weights(b"weights", project)
    status, printed = project.dry_run(*FROZEN, **GIVEN)
    assert status == 1
    assert printed.splitlines()[-1] == (
        "study: weights.safetensors is not there, and no predictions of it are in artifacts"
    )
    store(project, spec)
    assert project.planned(*FROZEN, **GIVEN) == jobs("""
        score digits/resnet18/msp
        draw tables and figures
        the whole study
    """)
    project.run(*FROZEN, **GIVEN)
    assert ",accuracy,0.75," in (tmp_path / "drawn/studies/tiny/results.csv").read_text()
    # Without frozen, a network might have to be made from it.
    status, printed = project.dry_run(**GIVEN)
    assert status == 1
    assert printed.splitlines()[-1] == (
        "study: architectures[0].init.plain-0: weights.safetensors: No such file or directory"
    )
    # Two files by one name can't be told apart, unless it is there.
    store(project, given_weights(b"other weights", project))
    status, printed = project.dry_run(*FROZEN, **GIVEN)
    assert printed.splitlines()[-1] == (
        "study: weights.safetensors is not there, and predictions of 2 files by this name are in "
        "artifacts"
    )
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    assert hashlib.sha256(b"weights").hexdigest() == spec.to_json()["model"]["init"]
    assert project.planned(*FROZEN, **GIVEN) == jobs("")
