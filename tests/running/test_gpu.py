"""Devices: each job holds one of its own."""

import os
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.running import gpu
from pipeline.running.plan import Plan
from pipeline.running.rules import Rules

STUDY: dict[str, Any] = {
    "study": "s",
    "datasets": ["digits"],
    "architectures": ["resnet18"],
    "pruners": ["l1"],
    "sparsities": [0.5],
    "uncertainties": ["msp"],
}


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("SLURM_JOB_ID", "SLURM_GPUS_ON_NODE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def test_two_jobs_get_two_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 7")
    with gpu.one_device() as first:
        assert (first, os.environ["CUDA_VISIBLE_DEVICES"]) == ("cuda", "4")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
        with gpu.one_device():
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    with gpu.one_device():
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"


def test_jobs_share_devices_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(devices: str = "4,7", jobs: int = 3) -> str:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
        place = gpu.one_device(jobs)
        assert place.__enter__() == "cuda"
        held.append(place)
        return os.environ["CUDA_VISIBLE_DEVICES"]

    held: list[AbstractContextManager[str]] = []
    assert [take() for _ in range(5)] == ["4", "7", "4", "7", "4"]
    for place in (held[0], held[2]):
        place.__exit__(None, None, None)
    assert [take() for _ in range(3)] == ["4", "4", "7"]
    # All places are held, but a run with more of them has room; one with fewer does not.
    assert take(jobs=4) == "4"
    held.pop().__exit__(None, None, None)
    held[-1].__exit__(None, None, None)
    assert gpu._take(["4", "7"], 2) is None


# Holds a place a few times, and prints how many processes held one on the same device at once.
CROWD = """
import os, sys, time
from pathlib import Path
from pipeline.running import gpu

gpu.time.sleep = lambda seconds, sleep=time.sleep: sleep(min(seconds, 0.02))
for _ in range(4):
    os.environ["CUDA_VISIBLE_DEVICES"] = "0,1"
    with gpu.one_device(2):
        here = Path(sys.argv[1], os.environ["CUDA_VISIBLE_DEVICES"])
        here.mkdir(exist_ok=True)
        mine = here / str(os.getpid())
        mine.touch()
        time.sleep(0.03)
        print(len(list(here.iterdir())))
        mine.unlink()
"""


def test_many_processes_never_crowd_a_device(tmp_path: Path) -> None:
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", CROWD, tmp_path],
            env=os.environ | {"TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    printed = "".join(process.communicate(timeout=60)[0] for process in crowd).split()
    counts = [int(line) for line in printed if line.isdigit()]
    assert len(counts) == 24
    assert max(counts) <= 2


def test_a_job_waits_for_a_device(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    holder = gpu.one_device()
    holder.__enter__()
    # What ends the waiting here is the first sleep: it gives the device back.
    monkeypatch.setattr(gpu.time, "sleep", lambda seconds: holder.__exit__(None, None, None))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with gpu.one_device() as device:
        assert device == "cuda"
    assert "waiting: other jobs hold all GPUs (0)" in capsys.readouterr().out


@pytest.mark.parametrize("chosen", ["", "-1", "NoDevFiles"])
def test_without_devices_it_is_the_cpu(monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    with gpu.one_device() as device:
        assert device == "cpu"


@pytest.mark.parametrize(
    ("environment", "device", "named"),
    [
        ({"CUDA_VISIBLE_DEVICES": "4"}, "cuda", "cannot use the GPU 4: mend the driver"),
        ({"SLURM_GPUS_ON_NODE": "2"}, "cpu", "cannot use the GPU that SLURM gave this job"),
    ],
)
def test_a_promised_device_that_torch_cannot_use_is_refused(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], device: str, named: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PipelineError, match=f"{named}.*--config device=cpu$"):
        gpu.check(device)


def test_what_was_not_promised_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    gpu.check("cpu")
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "0")
    gpu.check("cpu")
    # Hidden on purpose.
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    gpu.check("cpu")


def test_a_promised_device_that_torch_can_use_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    gpu.check("cuda")


def test_a_run_can_choose_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    rules = Rules(Plan.load(STUDY))
    assert rules.jobs_on_gpus == 2
    assert "--device" not in rules.arguments()
    rules = Rules(Plan.load(STUDY | {"device": "cpu"}))
    assert rules.jobs_on_gpus == 0
    assert "--device cpu" in rules.arguments()


def test_a_run_can_put_several_jobs_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    rules = Rules(Plan.load(STUDY | {"jobs_per_gpu": 3}))
    assert rules.jobs_on_gpus == 6
    assert "--jobs-per-gpu 3" in rules.arguments()


def test_a_job_gets_its_share_of_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def threads(stage: str, cores: int | None, **switches: int) -> int:
        return Rules(Plan.load(STUDY | switches), cores=cores).threads(stage)

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert threads("train", 16) == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert threads("train", 16) == 7
    assert threads("score", 16) == 1
    assert threads("train", None) == threads("train", 1) == 1
    assert threads("train", 17, jobs_per_gpu=4) == 2


def test_gpus_are_numbered_as_cuda_counts_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A container that was given the third GPU alone has /dev/nvidia2, which CUDA calls 0."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu, "DEVICES", tmp_path)
    assert gpu.visible() == []
    for name in ("nvidia2", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert gpu.visible() == ["0"]
    (tmp_path / "nvidia7").touch()
    assert gpu.visible() == ["0", "1"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            torch.cuda.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of "
                "9.0 GiB of which 3.00 MiB is free. Process 8 has 8.9 GiB memory in use."
            ),
            "the GPU's memory is used up: fewer jobs on a GPU (jobs_per_gpu is 3), a smaller "
            "batch_size or a larger GPU will help (CUDA out of memory. Tried to allocate "
            "20.00 MiB. GPU 0 has a total capacity of 9.0 GiB of which 3.00 MiB is free)",
        ),
        (
            RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronous"),
            "the GPU's memory is used up: fewer jobs on a GPU (jobs_per_gpu is 3), a smaller "
            "batch_size or a larger GPU will help (CUDA error: out of memory)",
        ),
    ],
)
def test_used_up_memory_is_one_line(error: RuntimeError, line: str) -> None:
    with pytest.raises(PipelineError) as caught, gpu.memory_errors("cuda", 3):
        raise error
    assert str(caught.value) == line


def test_what_is_no_lack_of_memory_is_left_alone() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), gpu.memory_errors("cuda"):
        raise RuntimeError("shapes differ")


def test_used_up_memory_of_the_machine_is_said_too() -> None:
    with (
        pytest.raises(PipelineError, match=r"^the machine's memory .*can't allocate memory"),
        gpu.memory_errors("cpu"),
    ):
        torch.empty(2**60, dtype=torch.uint8)
