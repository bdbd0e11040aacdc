"""The measurements for a GPU of full size: rehearsed on a CPU, interrupted, and gone on with."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import is_alive, wait_for

from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset
from pipeline.engine import Run
from pipeline.engine.training import fit
from pipeline.errors import PipelineError
from pipeline.models import build

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
from pieces import OutOfTime, Pieces, script  # type: ignore[import-not-found]  # noqa: E402


def test_a_rehearsal_does_every_step(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "full_size.py"), "--tiny", "--device", "cpu",
               "--threads", "1", "--at-once", "2", "--out", str(tmp_path)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    records = {file.stem: json.loads(file.read_text()) for file in tmp_path.glob("records/*.json")}
    network, pruned = "digits_resnet18", ("plain-0_l1-0.6", "plain-0_random-0.6")
    assert set(records) == {
        "1-ceilings", "1-gpu-tests", "1-training", "1-without-graphs", "1-hrank", "1-inference",
        "1-members", "2-digits-data", f"2-{network}_cuts-check", "2-epochs",
        *(f"2-{network}_{kind}-0-{stage}" for kind in ("plain", "dropout")
          for stage in ("train", "infer")),
        *(f"2-{network}_{method}-score" for method in ("msp", "mc_dropout")),
        "3-members-1", f"3-{network}_ensemble-score",
        *(f"3-{network}_plain-1-{stage}" for stage in ("train", "infer")),
        *(f"4-{network}_{place}-{stage}" for place in pruned
          for stage in ("prune", "finetune", "infer")),
        *(f"4-{network}_{place.replace('plain-0', 'msp')}-score" for place in pruned),
        "4-bfloat16-0", "4-float32-0",
    }  # fmt: skip
    assert records["1-training"]["ratios"]["textbook_over_engine"] > 0
    # Each network and each prediction in half the space, and its score in the table.
    compact = list((tmp_path / "compact").iterdir())
    assert len(compact) == len(list((tmp_path / "artifacts").rglob("model.safetensors"))) + len(
        list((tmp_path / "artifacts").rglob("predictions.safetensors"))
    )
    (file,) = [file for file in compact if "plain-0_infer" in file.name]
    logits, labels = (np.load(file)[name] for name in ("logits", "labels"))
    assert logits.dtype == np.float16
    numbers = records[f"2-{network}_msp-score"]["numbers"]["msp"]
    assert numbers["accuracy"] == pytest.approx((logits[0].argmax(1) == labels).mean(), abs=2e-3)
    assert f"accuracy {numbers['accuracy']:.4f}" in done.stdout


def test_a_training_is_stopped_by_the_limit_and_gone_on_with(
    tmp_path: Path, make_dataset: Callable[..., Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    epochs = 40

    def train() -> dict[str, Any]:
        run = Run(folder=tmp_path, stamp="mine")
        model = build("resnet18", 4, width=1 / 32, image_size=8)
        if not steps:  # As if the time ran out meanwhile.
            steps.append(signal.setitimer(signal.ITIMER_REAL, 0.2))
        return {
            "epochs": len(fit(model, make_dataset(), Recipe(epochs, batch_size=8), seed=0, run=run))
        }

    steps: list[object] = []
    before = [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM)]
    for minutes in (10.0, 10.0):
        pieces = Pieces(tmp_path / "records", minutes)
        with pieces.limit():
            pieces.do("training", train)
    assert [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM)] == before
    printed = capsys.readouterr().out
    assert "stopped: training: stopped in epoch" in printed
    assert "going on in epoch" in printed
    record = json.loads(pieces.record("training").read_text())
    assert record["epochs"] <= epochs


def test_pieces_are_done_once_and_failed_ones_again(tmp_path: Path) -> None:
    called = []

    def works() -> dict[str, Any]:
        called.append(os.getpid())
        return {"number": 1}

    def fails() -> dict[str, Any]:
        raise PipelineError("no such thing")

    pieces = Pieces(tmp_path, 1)
    for _ in range(2):
        pieces.do("works", works)
        pieces.do("fails", fails)
    assert len(called) == 1
    assert pieces.failed == {"fails": "PipelineError: no such thing"}
    # It failed twice: others come first.
    pieces.do("fails", works)
    assert not pieces.record("fails").exists()
    (tmp_path / ".fails.tries").unlink()
    pieces.do("fails", works)
    assert pieces.record("fails").exists()


def test_a_piece_that_would_take_too_long_is_left_out_and_others_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pieces = Pieces(tmp_path, 1)
    pieces.do("longer", dict, least=61)
    assert "longer needs 61 s" in capsys.readouterr().out
    pieces.do("short", dict)
    assert [file.name for file in tmp_path.iterdir()] == ["short.json"]
    with pytest.raises(OutOfTime):
        Pieces(tmp_path, 0).do("any", dict)


def test_what_other_code_measured_is_measured_anew(tmp_path: Path) -> None:
    pieces = Pieces(tmp_path, 1)
    for number, stamp in enumerate(("mine", "mine", "other")):
        pieces.do("piece", lambda number=number: {"number": number}, stamp=stamp)
        assert json.loads(pieces.record("piece").read_text())["number"] == (0, 0, 2)[number]


@pytest.mark.parametrize("number", [math.nan, object()])
def test_a_record_that_cannot_be_written_is_a_failure(tmp_path: Path, number: object) -> None:
    pieces = Pieces(tmp_path, 1)
    pieces.do("piece", lambda: {"number": number})
    assert "piece" in pieces.failed


def test_nothing_is_tried_after_an_error_of_the_gpu(tmp_path: Path) -> None:
    def breaks() -> dict[str, Any]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    pieces = Pieces(tmp_path, 1)
    with pytest.raises(OutOfTime, match="failed on the GPU"):
        pieces.do("piece", breaks)
    assert list(pieces.failed) == ["piece"]


def test_a_script_that_hangs_ends_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pieces.BENCHMARKS", tmp_path)
    child = tmp_path / "child"
    (tmp_path / "hangs.py").write_text(
        "import pathlib, signal, subprocess, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(child)!r}).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(OutOfTime):
        script("hangs", tmp_path, [], lambda: 8.0)
    # Killed, though the kernel may need a moment to say so.
    wait_for(lambda: not is_alive(int(child.read_text())), 30, "the child's end")
    monkeypatch.setattr("pieces.MOST", 3.0)
    with pytest.raises(PipelineError, match=r"hangs\.py took more than 3\.0 s"):
        script("hangs", tmp_path, [], lambda: 60.0)
    with pytest.raises(PipelineError, match=r"missing\.py ended with exit status 2"):
        script("missing", tmp_path, [], lambda: 60.0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_piece_that_ends_the_program_is_left_out_in_the_end(tmp_path: Path) -> None:
    pieces = Pieces(tmp_path, 1)
    for _ in range(3):
        child = os.fork()
        if not child:
            pieces.do("crashes", lambda: os._exit(3))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    pieces.do("crashes", dict)
    assert "failed before" in pieces.failed["crashes"]
    assert not pieces.record("crashes").exists()
