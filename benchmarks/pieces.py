"""Measurements in pieces. Each piece leaves a record. The next call does what is missing.

`full_size.py` says which pieces there are.
"""

import contextlib
import importlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from pipeline.cache import files, history, manifests, paths, payloads, specs
from pipeline.errors import Interrupted, PipelineError
from pipeline.running import failure, gpu, locks, provenance
from pipeline.running.job import Job
from pipeline.running.plan import Plan

STAGE = Path(__file__).parents[1] / "workflow" / "scripts" / "stage.py"

BENCHMARKS = Path(__file__).parent

# A piece that has ended the program so often must not keep the others from running; one that has
# failed by itself counts twice, since the program may have been ended from outside.
TRIES = 3
# Another benchmark that takes longer than so many seconds does not do what it should.
MOST = 240


class OutOfTime(Exception):
    """The time limit came; whatever was under way has written what it needs to go on."""


class Pieces:
    """The pieces of a measurement, whose records lie in a folder.

    Attributes:
        folder: Where records go, one JSON file for each piece that is done.
        failed: The pieces that did not work in this call, with what went wrong. The next call tries
            them once more.
    """

    def __init__(self, folder: Path, minutes: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.failed: dict[str, str] = {}
        self._end = time.monotonic() + 60 * minutes

    @property
    def left(self) -> float:
        """Seconds until the time limit."""
        return self._end - time.monotonic()

    def record(self, name: str) -> Path:
        """Where the record of a piece lies."""
        return self.folder / f"{name}.json"

    def is_done(self, name: str, stamp: str = "") -> bool:
        """Whether a piece has a record, and one of the same stamp."""
        file = self.record(name)
        return file.exists() and json.loads(file.read_text()).get("stamp", "") == stamp

    def do(
        self, name: str, call: Callable[[], dict[str, Any]], least: float = 1.0, stamp: str = ""
    ) -> None:
        """Do a piece and write its record, unless that is there.

        Args:
            name: The piece's.
            call: Measures; what it gives is the record.
            least: A piece that cannot go on where it stopped is not begun with fewer seconds left.
            stamp: Says what is measured, such as the code; a record of another is made anew.

        Raises:
            OutOfTime: the limit came, or the GPU no longer works in this process.
        """
        if self.is_done(name, stamp):
            return
        if self.left < 1:
            raise OutOfTime("the time limit")
        if self.left < least:
            print(f"{name} needs {least:.0f} s: left for the next call", flush=True)
            return
        tries = self.folder / f".{name}.tries"
        number = int(tries.read_text()) if tries.exists() else 0
        if number >= TRIES:
            self.failed[name] = f"failed before; delete {tries} to try again"
            return
        # Before the piece: it may end this program.
        files.write_bytes(tries, str(number + 1).encode())
        print(f"{name}, {self.left:.0f} s left", flush=True)
        begun = time.monotonic()
        try:
            content = {**call(), "stamp": stamp}
            content["seconds_of_the_last_call"] = round(time.monotonic() - begun, 2)
            files.write_json(self.record(name), content)
            tries.unlink()
        except OutOfTime:
            tries.unlink()
            raise
        except Interrupted as reason:
            tries.unlink()
            raise OutOfTime(f"{name}: {reason}") from None
        except (Exception, SystemExit) as error:
            # Each piece is useful without the others.
            files.write_bytes(tries, str(number + 2).encode())
            self.failed[name] = f"{type(error).__name__}: {error}"
            if isinstance(error, PipelineError):
                print(error, flush=True)
            else:
                traceback.print_exc()
            if failure.on_gpu(error):  # nothing else that this process asks of the GPU can work
                raise OutOfTime(f"{name} failed on the GPU") from None

    @contextlib.contextmanager
    def limit(self) -> Iterator[None]:
        """Stop at the time limit what is under way, as SIGTERM does: trainings keep their state."""

        def stop(number: int, frame: FrameType | None) -> None:
            raise OutOfTime("the time limit")

        def remind(number: int, frame: FrameType | None) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

        before = {
            number: signal.signal(number, handler)
            for number, handler in ((signal.SIGTERM, stop), (signal.SIGALRM, remind))
        }
        signal.setitimer(signal.ITIMER_REAL, max(self.left, 0.01))
        try:
            yield
        except OutOfTime as reason:
            print(f"stopped: {reason}; the same command goes on", flush=True)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)


def script(
    name: str, folder: Path, arguments: Sequence[object], left: Callable[[], float]
) -> dict[str, Any]:
    """What another benchmark of this folder records, in a process that can neither hang nor harm.

    Raises:
        OutOfTime: the time limit came, which it does not survive.
        PipelineError: it failed, or took too long.
    """
    record = folder / f".{name}.tmp"
    record.unlink(missing_ok=True)
    given = [*map(str, arguments), "--record", str(record)]
    seconds = left()
    # A session of its own, so that what it starts ends with it.
    process = subprocess.Popen(
        [sys.executable, str(BENCHMARKS / f"{name}.py"), *given],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(min(max(seconds, 0.1), MOST))
    except subprocess.TimeoutExpired:
        if seconds <= MOST:
            raise OutOfTime("the time limit") from None
        raise PipelineError(f"{name}.py took more than {MOST} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if code:
        raise PipelineError(f"{name}.py ended with exit status {code}")
    content: dict[str, Any] = json.loads(record.read_text())
    record.unlink()
    return content


def artifact(plan: Plan, spec: specs.Spec, threads: int) -> dict[str, Any]:
    """Make an artifact as its job does, in this process; what is there is left alone.

    Raises:
        Interrupted: SIGTERM came while a network was trained; the next call goes on.
    """
    job = Job(spec, plan.switches, threads=threads)
    with contextlib.suppress(PipelineError):
        manifests.check(job.folder, spec)
        return _what_it_says(job)
    job.folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with locks.only_one(job.path(paths.LOCK)), contextlib.ExitStack() as stack:
        if spec.uses_gpu and plan.switches.device == "auto":
            job.device = stack.enter_context(gpu.one_device(plan.switches.jobs_per_gpu))
            gpu.check(job.device)
            if job.device == "cpu" and torch.cuda.is_available():
                raise PipelineError("torch sees a GPU of which /dev shows none")
        importlib.import_module(f"pipeline.stages.{spec.stage}").run(spec, job)
        seconds = time.monotonic() - begun
        provenance.write(
            job.folder, spec, plan.switches, device=job.device, threads=threads, seconds=seconds
        )
        digests = {name: files.sha256(job.path(name)) for name in spec.payload}
        manifests.Manifest(spec.fingerprint, spec.to_json(), digests, job.parents).write(job.folder)
        job.path(paths.RESUME).unlink(missing_ok=True)
    return _what_it_says(job)


def _what_it_says(job: Job) -> dict[str, Any]:
    """An artifact's folder, of a score its numbers, and of a training the seconds of an epoch."""
    found: dict[str, Any] = {"artifact": paths.folder(job.spec)}
    with contextlib.suppress(PipelineError):
        found["seconds_an_epoch"] = statistics.median(
            each.seconds for each in history.read(job.folder)
        )
    if isinstance(job.spec, specs.Score):
        scores = json.loads(job.path("scores.json").read_text())
        found["default"] = scores["default"]
        found["numbers"] = {
            definition: {name: number["value"] for name, number in numbers.items()}
            for definition, numbers in scores["definitions"].items()
        }
    return found


def side_by_side(
    plan: Plan, chosen: Sequence[specs.Spec], threads: int, left: Callable[[], float]
) -> None:
    """Make artifacts that do not wait for each other at once, each by its stage's script.

    Raises:
        OutOfTime: the limit came; the scripts have written what they need to go on.
        PipelineError: a script failed.
    """
    switches = plan.switches.arguments()
    running = [
        subprocess.Popen(
            [sys.executable, str(STAGE), "--spec", json.dumps(spec.to_json()), *switches,
             "--fingerprint", spec.fingerprint, "--threads", str(threads)],
        )
        for spec in chosen
    ]  # fmt: skip
    try:
        for process in running:
            process.wait(max(left(), 0.1))
    except subprocess.TimeoutExpired:
        raise OutOfTime("the time limit") from None
    finally:
        for process in running:
            process.terminate()
        codes = [process.wait(120) for process in running]
    if any(codes):
        raise PipelineError(f"{len([c for c in codes if c])} of {len(codes)} scripts failed")


def compact(plan: Plan, spec: specs.Spec, folder: Path) -> None:
    """Write what is worth carrying away of an artifact: a checkpoint or logits, as float16."""
    made = plan.root(spec.stage) / paths.folder(spec) / spec.payload[0]
    name = paths.folder(spec).replace("/", "_")
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(spec, specs.Infer):
        found = payloads.load_predictions(made)
        with files.atomic(folder / f"{name}.npz") as temporary, temporary.open("wb") as file:
            logits = np.asarray(found.logits, np.float16)
            np.savez_compressed(file, logits=logits, labels=found.labels, ids=found.ids)
    elif made.name == "model.safetensors":
        state = payloads.load_model(made).state_dict()
        halves = {
            key: value.half() if value.is_floating_point() else value
            for key, value in state.items()
        }
        with files.atomic(folder / f"{name}.safetensors") as temporary:
            save_file({key: value.contiguous() for key, value in halves.items()}, temporary)
