"""Devices: each job holds one of its own."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline import gpu
from pipeline.errors import PipelineError
from pipeline.plan import Plan

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
    plan = Plan.load(STUDY)
    assert plan.jobs_on_gpus == 2
    assert "--device" not in plan.arguments("train")
    plan = Plan.load(STUDY | {"device": "cpu"})
    assert plan.jobs_on_gpus == 0
    assert "--device cpu" in plan.arguments("train")
