"""Devices: each job holds one of its own."""

import os
import tempfile
from pathlib import Path

import pytest

from pipeline import gpu


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


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


@pytest.mark.parametrize("chosen", ["", "-1"])
def test_without_devices_it_is_the_cpu(monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    with gpu.one_device() as device:
        assert device == "cpu"
