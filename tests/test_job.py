"""A stage's script, called by hand: what it refuses, and when it has nothing to do."""

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline import paths, specs

SCRIPTS = Path(__file__).parents[1] / "workflow" / "scripts"
DATA = specs.Data("digits")
TRAIN = specs.Train(DATA, "resnet18", specs.Recipe(1, batch_size=256), (("width", 1 / 16),))


def call(
    root: Path, spec: specs.AnySpec, *more: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(SCRIPTS / f"{spec.stage}.py"),
        "--spec",
        json.dumps(spec.to_json()),
    ]
    return subprocess.run(
        [*command, "--artifacts", str(root), *more],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts that hold the digits."""
    root = tmp_path_factory.mktemp("artifacts")
    done = call(root, DATA, "--fingerprint", DATA.fingerprint)
    assert done.returncode == 0, done.stderr
    return root


def test_a_finished_artifact_is_complete(root: Path) -> None:
    folder = root / paths.folder(DATA)
    assert {path.name for path in folder.iterdir()} == {
        "images.safetensors", "manifest.json", "provenance.json", ".lock",
    }  # fmt: skip
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["wall_seconds"] > 0
    assert provenance["versions"]["torch"]


def test_what_is_there_is_left_alone(root: Path) -> None:
    file = root / paths.folder(DATA) / "images.safetensors"
    before = file.stat().st_mtime_ns
    done = call(root, DATA)
    assert done.stdout.strip().endswith("is there already")
    assert file.stat().st_mtime_ns == before


def test_code_that_was_not_planned_with_is_refused(root: Path) -> None:
    done = call(root, DATA, "--fingerprint", "00000000")
    assert done.returncode == 1
    message = "data: planned from other code or another study; run snakemake again"
    assert done.stderr.strip() == message


@pytest.mark.parametrize("spec", ["{", "[]", '{"stage": "fly"}', '{"stage": "data", "wings": 2}'])
def test_what_is_no_spec_is_refused_in_one_line(root: Path, spec: str) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "data.py", "--spec", spec, "--artifacts", root],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("data: --spec is not a spec")
    assert len(done.stderr.splitlines()) == 1


def test_two_processes_never_make_one_artifact(root: Path) -> None:
    folder = root / paths.folder(TRAIN)
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 1 on another host")
        lock.flush()
        done = call(root, TRAIN)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("is being made by process 1 on another host")


def test_a_damaged_artifact_is_refused_by_its_children_and_made_again(root: Path) -> None:
    file = root / paths.folder(DATA) / "images.safetensors"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    done = call(root, TRAIN)
    assert done.returncode == 1
    assert f"{file} is not the file that was written" in done.stderr
    assert call(root, DATA).returncode == 0
    assert file.read_bytes() == good
    trained = call(root, TRAIN)
    assert trained.returncode == 0, trained.stderr
    assert "epoch 1/1" in trained.stdout
    manifest = json.loads((root / paths.folder(TRAIN) / "manifest.json").read_text())
    assert list(manifest["parents"]) == [paths.folder(DATA)]


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch can use the GPU that is promised")
def test_a_promised_gpu_that_is_none_is_refused_unless_the_cpu_is_chosen(root: Path) -> None:
    spec = replace(TRAIN, member=1)
    done = call(root, spec, CUDA_VISIBLE_DEVICES="0")
    assert done.returncode == 1
    assert done.stderr.startswith("train: torch ")
    assert "cannot use the GPU 0" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = call(root, spec, "--device", "cpu", CUDA_VISIBLE_DEVICES="0")
    assert done.returncode == 0, done.stderr
