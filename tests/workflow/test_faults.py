"""What goes wrong with a run, and that the advice which it then gives works."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Project, snapshot

from pipeline.cache import paths
from pipeline.running import provenance
from pipeline.running.plan import Plan

STUDY = {
    "sparsities": [0],
    "uncertainties": ["msp", "ensemble"],
    "ensemble_size": 2,
    "train": {"epochs": 1, "batch_size": 64, "lr": 0.05, "drop_last": True},
}
# Long enough to be interrupted.
LONG = {"train": {"epochs": 4, "batch_size": 64, "lr": 0.01}}

# Devices that are none: jobs hold them, print when, and compute on the CPU.
PRETEND = """print("GPU", name, time.time(), flush=True)
        yield "cpu"
        print("GPU", name, time.time(), flush=True)"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose small study was run on two pretended GPUs."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.study |= STUDY
    project.edit("running/gpu.py", 'yield "cuda"', PRETEND)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        # A job's threads are the run's cores over its jobs, and another number has other bits.
        profile = project.folder / "profiles/default/profile.yaml"
        profile.write_text(profile.read_text().replace("cores: all", "cores: 4"))
        project.run("--resources", "gpu=2", "--default-resources", "tmpdir='.'")
        yield project


def plan(project: Project, **changes: object) -> Plan:
    return Plan.load({**project.study, **changes})


def find(project: Project, stage: str, **changes: object) -> Path:
    """The folder of a stage's first artifact, relative to the project."""
    made = plan(project, **changes)
    name = next(name for name, spec in made.nodes.items() if spec.stage == stage)
    return made.artifacts / name


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def failed(project: Project, *arguments: str, **changes: object) -> str:
    """What Snakemake prints; it must fail."""
    done = project.snakemake(*arguments, **changes)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def follow_the_advice(project: Project, printed: str) -> None:
    """Delete what a message says is to be deleted."""
    (folder,) = set(re.findall(r"; delete (\S+) and run snakemake again", printed))
    shutil.rmtree(project.folder / folder)


def test_each_job_has_a_gpu_of_its_own(project: Project) -> None:
    held: dict[str, list[tuple[float, float]]] = {}
    for log in project.artifacts.rglob("*~*/*.log"):
        if found := re.findall(r"^GPU (\d) ([\d.]+)$", log.read_text(), re.MULTILINE):
            (name, begun), (same, ended) = found
            assert name == same
            held.setdefault(name, []).append((float(begun), float(ended)))
    assert sum(map(len, held.values())) == 4
    assert set(held) == {"0", "1"}
    for times in held.values():
        times.sort()
        assert all(times[i][1] <= times[i + 1][0] for i in range(len(times) - 1))


def test_a_damaged_network_is_made_again_as_advised(project: Project) -> None:
    train, infer = find(project, "train"), find(project, "infer")
    before = (project.folder / train / "model.safetensors").read_bytes()
    flip_a_bit(project.folder / train / "model.safetensors")
    shutil.rmtree(project.folder / infer)
    printed = failed(project, f"{infer}/manifest.json")
    assert f"infer: {train}/model.safetensors is not the file that was written; " in printed
    follow_the_advice(project, printed)
    project.run(f"{infer}/manifest.json")
    assert (project.folder / train / "model.safetensors").read_bytes() == before
    assert project.call("pipeline", "verify").returncode == 0


def test_damaged_scores_are_never_drawn(project: Project) -> None:
    before = (project.artifacts / "studies/tiny/results.csv").read_bytes()
    score = find(project, "score")
    flip_a_bit(project.folder / score / "scores.json")
    (project.folder / plan(project).marker).unlink()
    printed = failed(project)
    assert f"plot: {score}/scores.json is not the file that was written; " in printed
    follow_the_advice(project, printed)
    project.run()
    assert (project.artifacts / "studies/tiny/results.csv").read_bytes() == before


def test_a_stale_backup_that_snakemake_puts_back_is_found_out(project: Project) -> None:
    infer, score = find(project, "infer"), find(project, "score")
    before = (project.folder / score / "scores.json").read_bytes()
    backup = project.folder / ".snakemake/backups" / infer
    shutil.copytree(project.folder / infer, backup)
    flip_a_bit(backup / "predictions.safetensors")
    for folder in (infer, score):
        shutil.rmtree(project.folder / folder)

    (project.folder / infer).mkdir()
    with (project.folder / infer / paths.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        printed = failed(project, f"{score}/manifest.json")
    assert f"infer: {infer} is being made by another process; wait for it, " in printed
    # What it put back stands there as if it were finished.
    assert (project.folder / infer / "manifest.json").exists()
    follow_the_advice(project, failed(project, f"{score}/manifest.json"))
    project.run(f"{score}/manifest.json")
    assert (project.folder / score / "scores.json").read_bytes() == before


def test_a_failing_rerun_loses_nothing(project: Project) -> None:
    before = snapshot(project.artifacts)
    begins = "    arguments = _arguments()\n"
    project.edit("running/job.py", begins, f'    sys.exit("told to fail")\n{begins}')
    printed = failed(project, "--forceall")
    project.edit("running/job.py", '    sys.exit("told to fail")\n', "")
    assert "told to fail" in printed
    assert {path for path in before if not Path(path).exists()} == set()
    assert project.call("pipeline", "verify").returncode == 0


class Run:
    """Snakemake at work on the training of a network, in a process group of its own."""

    def __init__(self, project: Project) -> None:
        self.place = find(project, "train", **LONG)
        self.folder = project.folder / self.place
        self.project = project
        self.target = f"{self.place}/{paths.MANIFEST}"

    def start(self) -> "subprocess.Popen[str]":
        """Start it and wait until it trains."""
        before = self.log.count("\n")
        running = self.project.start(*self.project.command(self.target, **LONG))
        wait_until(lambda: re.search("epoch", "\n".join(self.log.split("\n")[before:])))
        return running

    @property
    def log(self) -> str:
        file = self.folder / "train.log"
        return file.read_text() if file.exists() else ""

    @property
    def job(self) -> int:
        """The process that holds the artifact's lock."""
        return int((self.folder / paths.LOCK).read_text().split()[1])


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_interrupted_runs_go_on_with_the_same_command(project: Project) -> None:
    run = Run(project)

    # Ctrl-C reaches Snakemake and its jobs.
    running = run.start()
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=120)
    assert running.returncode != 0
    assert re.search(r"stopped in epoch \d of 4\n$", run.log)
    interrupted = json.loads((run.folder / provenance.INTERRUPTED).read_text())
    assert min(interrupted[name] for name in provenance.SECONDS) > 0

    # Killed for good: its job lives on, and its lock stays.
    running = run.start()
    assert "going on in epoch" in run.log
    orphan = run.job
    running.kill()
    running.communicate(timeout=120)
    os.kill(orphan, signal.SIGSTOP)
    assert "--unlock" in failed(project, run.target, **LONG)
    project.run("--unlock", run.target, **LONG)
    maker = f"{run.place} is being made by process {orphan} on "
    assert maker in failed(project, run.target, **LONG)
    assert not (run.folder / paths.MANIFEST).exists()
    os.kill(orphan, signal.SIGKILL)

    # SIGTERM: what runs may end, nothing new starts.
    running = run.start()
    running.terminate()
    running.communicate(timeout=300)
    assert (run.folder / paths.MANIFEST).exists()
    assert not (run.folder / paths.RESUME).exists()
    assert not (run.folder / provenance.INTERRUPTED).exists()
    used = provenance.read(run.folder)
    assert all(used[name] > interrupted[name] for name in provenance.SECONDS)
    assert "Nothing to be done" in project.run(run.target, **LONG)


def test_a_job_killed_after_its_last_write_is_done(project: Project) -> None:
    other = {"datasets": [{"name": "digits", "label": "other"}]}
    data = find(project, "data", **other)
    target = f"{data}/{paths.MANIFEST}"
    written = "        _sign(job)\n"
    project.edit("running/job.py", written, f"{written}        os.kill(os.getpid(), 9)\n")
    try:
        failed(project, target, **other)
    finally:
        project.edit("running/job.py", "        os.kill(os.getpid(), 9)\n", "")
    assert "Nothing to be done" in project.run(target, **other)
    assert project.call("pipeline", "verify").returncode == 0
