"""Going on with a training that was interrupted: its resume file, and the signals that stop it.

A resume file holds a stamp, which says whose training it is, and a checksum of all its content. A
file that is damaged, or that another training or other code wrote, is not continued: the training
says so and starts over.
"""

import hashlib
import json
import math
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pipeline.cache import files, paths
from pipeline.cache.files import Arrays
from pipeline.cache.history import Epoch
from pipeline.errors import PipelineError
from pipeline.progress import say

# Sent by SLURM or `kill`, by Ctrl-C, and by a terminal that is closed.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stateful(Protocol):
    """What has a state of tensors to write down and restore."""

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors by name."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` gave."""


@dataclass
class Progress:
    """Where a training stands.

    Attributes:
        totals: Float64 [3], on the device: the sum of the losses, the number of right answers and
            of images in this epoch so far.
        epoch: The epoch of the next step, from 0.
        step: The next step within the epoch, from 0.
        seconds: How long this epoch took before the training was interrupted in it.
        history: The epochs that have ended.
    """

    totals: Tensor
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)

    def end_epoch(self, done: Epoch) -> None:
        """Go on to the next epoch; the totals stay where a recorded step adds to them."""
        self.totals.zero_()
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.history.append(done)


@dataclass
class Resume:
    """The file from which an interrupted training goes on; `stamp` says whose training it is."""

    folder: Path | None
    stamp: str
    model: nn.Module
    optimiser: Stateful
    extension: Stateful
    written: float = -math.inf
    cost: float = 0.0

    def due(self) -> bool:
        """Whether the time since the last writing is at least 20 times what that writing took."""
        return time.monotonic() - self.written >= 20 * self.cost

    def save(self, progress: Progress) -> None:
        """Write down the state in which a step of an epoch begins."""
        if self.folder is None:
            return
        begun = time.monotonic()
        parts = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "extension": self.extension.state_dict(),
            "progress": {"totals": progress.totals},
        }
        arrays = {
            f"{part}/{name}": tensor.detach().cpu().numpy()
            for part, state in parts.items()
            for name, tensor in state.items()
        }
        position = {
            "stamp": self.stamp,
            "epoch": progress.epoch,
            "step": progress.step,
            "seconds": progress.seconds,
            "history": [astuple(each) for each in progress.history],
        }
        position["checksum"] = _checksum(arrays, position)
        files.write_arrays(self.folder / paths.RESUME, arrays, position)
        self.written = time.monotonic()
        self.cost = self.written - begun

    def load(self, device: torch.device) -> Progress:
        """Restore the last written state, if there is one; gives where the training stands."""
        fresh = Progress(torch.zeros(3, dtype=torch.float64, device=device))
        if self.folder is None or not (self.folder / paths.RESUME).is_file():
            return fresh
        try:
            arrays, position = self._read(self.folder / paths.RESUME)
        except PipelineError as error:
            say(f"starting over: {error}")
            return fresh
        state: dict[str, dict[str, Tensor]] = {}
        for key, array in arrays.items():
            part, _, name = key.partition("/")
            state.setdefault(part, {})[name] = torch.from_numpy(array)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state.get("optimiser", {}))
        self.extension.load_state_dict(state.get("extension", {}))
        epoch, step = int(position["epoch"]), int(position["step"])
        say(f"going on in epoch {epoch + 1}, step {step + 1}")
        ended = [Epoch(*each) for each in position["history"]]
        totals = state["progress"]["totals"].to(device)
        return Progress(totals, epoch, step, position["seconds"], ended)

    def _read(self, path: Path) -> tuple[Arrays, dict[str, Any]]:
        """A resume file's content; PipelineError unless this training wrote every bit of it."""
        try:
            arrays, position = files.read_arrays(path)
        except PipelineError:
            raise PipelineError(f"{path} is damaged") from None
        checksum = position.pop("checksum", None)
        if checksum != _checksum(arrays, position):
            raise PipelineError(f"{path} is damaged")
        shapes = {f"model/{name}": t.shape for name, t in self.model.state_dict().items()}
        found = {name: a.shape for name, a in arrays.items() if name.startswith("model/")}
        if position.get("stamp") != self.stamp or found != shapes:
            raise PipelineError(f"{path} is of another training, or of other code or parents")
        return arrays, position


def _checksum(arrays: Arrays, position: Mapping[str, Any]) -> str:
    content = hashlib.sha256(json.dumps(position, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        content.update(f"{name} {array.dtype.str} {array.shape}".encode())
        content.update(array.tobytes())
    return content.hexdigest()


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list that is empty until one of `SIGNALS` comes; those ignored before (nohup) still are."""
    requests: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        requests.append(number)

    before: dict[signal.Signals, Any] = {}
    try:
        with suppress(ValueError):  # signals reach the main thread only
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, note)
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
