"""Runs on a real SLURM: what is submitted, which faults it survives, and the bits in the end."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from slurm.cluster import Cluster, missing
from support import Project, wait_for

from pipeline.cache import paths
from pipeline.cache.specs import STAGES

# The number of threads decides the last bits of sums.
ONE_THREAD = ("--set-threads", "train=1", "prune=1", "finetune=1", "infer=1")
# The profile as it is shipped, but with less patience: this cluster answers at once.
ON_SLURM = (
    *ONE_THREAD,
    "--workflow-profile=profiles/slurm",
    "--max-status-checks-per-second=2",
    "--latency-wait=10",
)
NETWORK = "digits/patient/dropout-0"
PRUNED = f"{NETWORK}/l1-0.5"
GROUP = "combination_finetune_infer_prune"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running SLURM; of another one's settings nothing is left."""
    if lacking := missing():
        reason = f"SLURM is not installed: no {', '.join(lacking)}"
        if os.environ.get("REQUIRE_SLURM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("SLURM_", "SBATCH_", "SRUN_", "CUDA_VISIBLE_DEVICES")):
                patch.delenv(name)
        patch.setenv("PATH", f"{cluster.bin}{os.pathsep}{os.environ['PATH']}")
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of which one combination is computed."""
    return small(Project(tmp_path_factory.mktemp("project")))


def small(project: Project) -> Project:
    """The tiny study, with one network that can take its time, and a Snakemake that looks often."""
    for name in ("patient.py", "impatient.py"):
        shutil.copy(Path(__file__).with_name(name), project.folder)
    project.study |= {
        "plugins": ["patient.py"],
        "architectures": [{"name": "patient", "width": 0.0625}],
        "pruners": ["l1"],
        "uncertainties": ["mc_dropout"],
        "finetune": {"epochs": 3},
    }
    project.study["train"]["epochs"] = 3
    return project


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let an epoch, which has 14 steps, take three seconds."""
    monkeypatch.setenv("SECONDS_PER_STEP", "0.2")
    return monkeypatch


def submissions(cluster: Cluster, project: Project, what: str) -> dict[str, str]:
    """State by id of a project's submissions of a rule or group, in their order."""
    chosen = {
        job: state
        for job, (state, comment, folder) in cluster.jobs("%T|%k|%Z").items()
        if comment.startswith(f"rule_{what}") and folder == str(project.folder)
    }
    return dict(sorted(chosen.items(), key=lambda job: int(job[0])))


def log_of(project: Project, place: str, stage: str) -> str:
    """What the last job of a stage has printed so far."""
    files = (project.artifacts / place).glob(f"{stage}~*/{stage}.log")
    return "".join(file.read_text() for file in files)


def resume_file(project: Project, place: str, stage: str) -> Path | None:
    """Where an interrupted training goes on."""
    return next((project.artifacts / place).glob(f"{stage}~*/{paths.RESUME}"), None)


def resumed_at(project: Project, place: str, stage: str) -> tuple[int, ...]:
    """Epoch and step, from 1, at which the last job of a training went on; empty if it didn't."""
    found = re.search(r"going on in epoch (\d+), step (\d+)", log_of(project, place, stage))
    return tuple(map(int, found.groups())) if found else ()


def computed(project: Project) -> dict[str, bytes]:
    """All files of a study that say what was computed, not when and where."""
    names = {name for stage in STAGES for name in paths.outputs(stage)}
    found = {
        str(file.relative_to(project.artifacts)): file.read_bytes()
        for file in project.artifacts.rglob("*")
        if file.name in names or file.suffix in (".csv", ".md", ".tex")
    }
    # The last column of a history is how long each epoch took.
    return {
        name: re.sub(rb",[0-9.]+$", b"", content, flags=re.M) if "history" in name else content
        for name, content in found.items()
    }


def on_slurm(project: Project, *arguments: str, device: str = "cpu") -> list[str]:
    """The command that runs Snakemake on SLURM; :meth:`Project.command` is for this machine."""
    chosen = ("--config", f"device={device}", "--configfile", project.write())
    return ["impatient", *ON_SLURM, *arguments, *chosen]


@contextmanager
def running(project: Project, log: str, *arguments: str) -> Iterator[Callable[[float], str]]:
    """A Snakemake that runs until the block ends; what is yielded waits for its success."""
    process = project.start(*on_slurm(project, *arguments), log=log)

    def finish(seconds: float) -> str:
        code = process.wait(seconds)
        printed = (project.folder / log).read_text()
        assert code == 0, printed
        return printed

    try:
        yield finish
    finally:
        process.kill()  # SIGKILL
        process.wait(30)


def test_a_run_survives_what_happens_on_a_cluster(
    cluster: Cluster,
    project: Project,
    slowly: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Snakemake, a node's daemon and jobs are killed; the results are a quiet local run's."""
    with running(project, "killed.log"):
        wait_for(lambda: resume_file(project, NETWORK, "train"), 120, "an epoch")
        (job,) = submissions(cluster, project, "train")
        cluster.call("scancel", "--signal=STOP", job)
    assert submissions(cluster, project, "train") == {job: "STOPPED"}

    # Its job lives on: another must not train the same beside it.
    refused = project.call(*on_slurm(project))
    assert refused.returncode != 0
    assert "Directory cannot be locked" in refused.stderr
    project.run("--unlock")
    second = project.call(*on_slurm(project, "--retries=0"))
    assert second.returncode != 0
    assert re.search(rf"is being made by .*\bSLURM job {job}\b", log_of(project, NETWORK, "train"))
    assert list(submissions(cluster, project, "train").values()) == ["STOPPED", "FAILED"]

    cluster.kill_node("n1")
    cluster.start_node("n1")
    cluster.call("scancel", "--signal=CONT", job)
    wait_for(lambda: submissions(cluster, project, "train")[job] == "COMPLETED", 120, "a training")

    # What it finished is finished. Then a submission is cancelled, and another stopped by a signal.
    with running(project, "third.log") as finish:
        wait_for(lambda: resume_file(project, PRUNED, "finetune"), 120, "an epoch")
        cluster.call("scancel", *submissions(cluster, project, GROUP))
        wait_for(lambda: resumed_at(project, PRUNED, "finetune"), 120, "a second try")
        first = resumed_at(project, PRUNED, "finetune")
        cluster.call("scancel", "--signal=TERM", list(submissions(cluster, project, GROUP))[-1])
        printed = finish(400)
    assert f"train {NETWORK}" not in printed
    assert len(submissions(cluster, project, "train")) == 2
    assert first > (2, 1)
    assert resumed_at(project, PRUNED, "finetune") > first
    assert project.planned() == {}

    tries = submissions(cluster, project, GROUP)
    assert list(tries.values()) == ["CANCELLED", "FAILED", "COMPLETED"]
    for job in tries:
        told = cluster.call("scontrol", "show", "job", job)
        assert "Partition=gpu" in told
        assert "TresPerJob=gres:gpu:1\n" in told
    for once in ("data", "scores_score", "plot"):
        assert list(submissions(cluster, project, once).values()) == ["COMPLETED"]
    logs = project.folder / ".snakemake" / "slurm_logs" / f"group_{GROUP}"
    assert {file.stem for file in logs.iterdir()} == set(list(tries)[:2])

    slowly.delenv("SECONDS_PER_STEP")
    quiet = small(Project(tmp_path_factory.mktemp("local")))
    quiet.run(*ONE_THREAD)
    assert computed(project) == computed(quiet)


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch may find the GPU that is promised")
def test_a_failing_rerun_loses_nothing(cluster: Cluster, project: Project) -> None:
    """A submission whose second job is refused, since its GPU is none, after the first is done."""
    assert project.call(*on_slurm(project)).returncode == 0
    (finetuned,) = (project.artifacts / PRUNED).glob("finetune~*")
    (predicted,) = (project.artifacts / PRUNED).glob("infer~*")
    (finetuned / paths.MANIFEST).unlink()
    before = computed(project)
    rules = ("--allowed-rules", "prune", "finetune", "infer", "--forceall", "--retries=0")
    target = str((predicted / "predictions.safetensors").relative_to(project.folder))
    done = project.call(*on_slurm(project, *rules, target, device="auto"))
    assert done.returncode != 0
    assert "is there already" in log_of(project, PRUNED, "prune")
    assert "finetune: torch" in done.stdout + done.stderr
    assert "snakemake --config device=cpu" in log_of(project, PRUNED, "finetune")
    assert computed(project) == before


@pytest.mark.slow
def test_a_training_outlives_its_time_limit(
    cluster: Cluster,
    slowly: pytest.MonkeyPatch,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Two minutes; SLURM warns half a minute before they end, or up to a minute earlier."""
    slowly.setenv("SECONDS_PER_STEP", "3")
    project = small(Project(tmp_path))
    profile = tmp_path / "profiles" / "slurm" / "profile.yaml"
    text = profile.read_text()
    assert text.count("runtime: 480") == text.count("--signal=TERM@300") == 1
    text = text.replace("runtime: 480", "runtime: 2").replace("TERM@300", "TERM@30")
    profile.write_text(text)
    with running(project, "run.log", "--until=train", "--retries=8") as finish:
        printed = finish(600)
    assert "Trying to restart job" in printed
    states = list(submissions(cluster, project, "train").values())
    assert set(states[:-1]) == {"FAILED"}
    assert states[-1] == "COMPLETED"
    assert resumed_at(project, NETWORK, "train")

    slowly.delenv("SECONDS_PER_STEP")
    quiet = small(Project(tmp_path_factory.mktemp("local")))
    quiet.run("--until=train", *ONE_THREAD)
    assert computed(project) == computed(quiet)


@pytest.mark.slow
def test_a_lost_node_costs_less_than_an_epoch(
    cluster: Cluster, slowly: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SLURM itself starts the job again, once the node is back."""
    project = small(Project(tmp_path))
    with running(project, "run.log", "--until=train") as finish:
        wait_for(lambda: resume_file(project, NETWORK, "train"), 120, "an epoch")
        job = list(submissions(cluster, project, "train"))[-1]
        cluster.lose_node("n1", job)
        wait_for(lambda: cluster.nodes()["n1"].startswith("down"), 60, "SLURM to notice")
        cluster.start_node("n1")
        printed = finish(200)
    assert "Trying to restart job" not in printed
    assert list(submissions(cluster, project, "train"))[-1] == job
    assert submissions(cluster, project, "train")[job] == "COMPLETED"
    assert resumed_at(project, NETWORK, "train") >= (2, 1)
