"""A stage's script, called by hand: what it refuses, and when it has nothing to do."""

import fcntl
import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.cache import manifests, paths, specs

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
DATA = specs.Data("digits")
OTHER = specs.Data("digits", label="other")
TRAIN = specs.Train(DATA, "resnet18", specs.Recipe(1, batch_size=256), (("width", 1 / 16),))


def call(
    root: Path, spec: specs.Spec, *more: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(SCRIPTS / "stage.py"),
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
    assert provenance["cpu_seconds"] > 0
    assert set(provenance["code"]) == {"stages.data", "datasets.digits"}
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
        [sys.executable, SCRIPTS / "stage.py", "--spec", spec, "--artifacts", root],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("job: --spec is not a spec")
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
    assert "is being made by process 1 on another host; wait for it" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# A stage that only writes its file, so that no library has to be imported.
STAGE = """
import sys, types
from pipeline.cache import files
from pipeline.cache import manifests
from pipeline.running import job
from pipeline.cache import paths
def run(spec, job): files.write_bytes(job.path("images.safetensors"), bytes(50_000))
sys.modules["pipeline.stages.data"] = types.SimpleNamespace(run=run)
"""


def run_python(code: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run a data stage with something changed by lines of Python first."""
    spec = json.dumps(OTHER.to_json())
    script = f"{STAGE}{code}\njob.main()"
    return subprocess.run(
        [sys.executable, "-c", script, "--spec", spec, "--artifacts", root],
        capture_output=True,
        text=True,
    )


def test_a_file_system_without_locks_is_said_to_be_one(tmp_path: Path) -> None:
    done = run_python(
        "def none(*_): raise OSError(37, 'No locks available')\njob.locks.fcntl.flock = none",
        tmp_path,
    )
    assert done.returncode == 1
    assert "/.lock: this file system has no locks (No locks available)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))"
    done = run_python(limit, tmp_path)
    folder = tmp_path / paths.folder(OTHER)
    assert done.returncode == 1
    assert done.stderr.strip() == f"data: {folder}/images.safetensors: File too large"
    assert [file.name for file in folder.iterdir()] == [".lock"]
    assert run_python("", tmp_path).returncode == 0


def read_only(folder: Path) -> list[str]:
    """What to put before a command so that it cannot write to a folder."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        return []
    # Permissions do not stop the superuser, a mount that is read-only does.
    prefix = ["unshare", "-rm", "sh", "-c"]
    mount = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
    with suppress(FileNotFoundError):
        if subprocess.run([*prefix, mount], capture_output=True).returncode == 0:
            return [*prefix, f'{mount} && exec "$0" "$@"']
    pytest.skip("the superuser of this machine cannot make a folder read-only")


def test_artifacts_that_are_read_only_are_said_to_be(root: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "stage.py"), "--artifacts", str(root), "--spec"]
    prefix = read_only(root)
    try:
        there, missing = (
            subprocess.run(
                [*prefix, *command, json.dumps(spec.to_json())], capture_output=True, text=True
            )
            for spec in (DATA, OTHER)
        )
    finally:
        root.chmod(0o755)
    assert there.returncode == 0, there.stderr
    assert there.stdout.strip().endswith("is there already")
    assert missing.returncode == 1
    assert re.fullmatch(
        rf"data: {root}/other: (Read-only file system|Permission denied)\n", missing.stderr
    )


def test_a_job_killed_after_its_manifest_has_finished(tmp_path: Path) -> None:
    killed = run_python(
        "write = manifests.Manifest.write\n"
        "def and_die(self, folder): write(self, folder); job.os.kill(job.os.getpid(), 9)\n"
        "manifests.Manifest.write = and_die",
        tmp_path,
    )
    assert killed.returncode == -9
    assert (tmp_path / paths.folder(OTHER) / "provenance.json").exists()
    assert run_python("", tmp_path).stdout.strip().endswith("is there already")


def test_a_job_killed_before_its_manifest_leaves_no_trace_in_the_next(tmp_path: Path) -> None:
    killed = run_python(
        "def die(path): job.os.kill(job.os.getpid(), 9)\nfiles.os.fsync = die", tmp_path
    )
    folder = tmp_path / paths.folder(OTHER)
    assert killed.returncode == -9
    assert list(folder.glob(".*.tmp"))
    assert run_python("", tmp_path).returncode == 0
    assert sorted(file.name for file in folder.iterdir()) == [
        ".lock", "images.safetensors", "manifest.json", "provenance.json",
    ]  # fmt: skip


def test_an_artifact_of_another_spec_is_made_again(tmp_path: Path) -> None:
    assert run_python("", tmp_path).returncode == 0
    folder = tmp_path / paths.folder(OTHER)
    manifest = manifests.read_manifest(folder)
    replace(manifest, fingerprint="00000000").write(folder)
    train = replace(TRAIN, data=OTHER)
    done = call(tmp_path, train)
    assert done.returncode == 1
    advice = f"delete {folder} and run snakemake again"
    assert (
        done.stderr.strip() == f"train: {folder} holds 00000000, not {OTHER.fingerprint}; {advice}"
    )
    assert run_python("", tmp_path).returncode == 0
    assert manifests.check(folder, OTHER) == manifest


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
