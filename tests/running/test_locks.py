"""Locks: who comes second is refused, or waits for the same."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.running.locks import only_one

HOLD = """
import sys, time
from pathlib import Path
from pipeline.running.locks import only_one
with only_one(Path(sys.argv[1]), "drawn", "one study"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> "subprocess.Popen[str]":
    """A process that holds a lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / ".lock")]
    process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_thing_is_refused_by_name(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    says = rf"{tmp_path} is being drawn by process {holder.pid} on .*; wait for it, or stop it"
    for about in ("another study", ""):
        with pytest.raises(PipelineError, match=says), only_one(tmp_path / ".lock", "drawn", about):
            pass
    holder.communicate("")
    with only_one(tmp_path / ".lock", "drawn", "another study"):
        pass


def test_the_same_thing_is_waited_for(
    tmp_path: Path, holder: "subprocess.Popen[str]", capsys: pytest.CaptureFixture[str]
) -> None:
    code = HOLD.replace('print("held"', 'print("second"')
    command = [sys.executable, "-c", code, str(tmp_path / ".lock")]
    second = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
    assert second.stdout is not None
    assert second.stdout.readline().startswith(f"wait: {tmp_path} is being drawn by process ")
    time.sleep(0.2)
    assert second.poll() is None
    holder.communicate("")
    assert second.stdout.readline() == "second\n"
    second.communicate("")
    assert second.returncode == 0
