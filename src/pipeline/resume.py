"""Going on with a training that was interrupted: its resume file, and the signal that stops it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pipeline import artifacts, paths
from pipeline.errors import PipelineError
from pipeline.progress import say


class Stateful(Protocol):
    """What has a state of tensors to write down and restore."""

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors by name."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` gave."""


@dataclass
class Resume:
    """The file from which an interrupted training goes on."""

    folder: Path | None
    fingerprint: str
    model: nn.Module
    optimiser: Stateful
    extension: Stateful

    def save(self, epoch: int, step: int, totals: Tensor) -> None:
        """Write down the state before a step of an epoch."""
        if self.folder is None:
            return
        parts = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "extension": self.extension.state_dict(),
            "progress": {"totals": totals},
        }
        arrays = {
            f"{part}/{name}": tensor.detach().cpu().numpy()
            for part, state in parts.items()
            for name, tensor in state.items()
        }
        position = {"fingerprint": self.fingerprint, "epoch": epoch, "step": step}
        artifacts.write_arrays(self.folder / paths.RESUME, arrays, position)

    def load(self, device: torch.device) -> tuple[int, int, Tensor]:
        """Restore the last state written down, if there is one: its epoch, step, and totals."""
        fresh = 0, 0, torch.zeros(3, dtype=torch.float64, device=device)
        if self.folder is None or not (self.folder / paths.RESUME).is_file():
            return fresh
        try:
            arrays, position = artifacts.read_arrays(self.folder / paths.RESUME)
            if position.get("fingerprint") != self.fingerprint:
                raise PipelineError(f"{self.folder / paths.RESUME} belongs to another training")
            state: dict[str, dict[str, Tensor]] = {}
            for key, array in arrays.items():
                part, _, name = key.partition("/")
                state.setdefault(part, {})[name] = torch.from_numpy(array)
            self.model.load_state_dict(state["model"])
        except PipelineError as error:
            say(f"starting over: {error}")
            return fresh
        self.optimiser.load_state_dict(state.get("optimiser", {}))
        self.extension.load_state_dict(state.get("extension", {}))
        epoch, step = int(position["epoch"]), int(position["step"])
        say(f"going on in epoch {epoch + 1}, step {step + 1}")
        return epoch, step, state["progress"]["totals"].to(device)


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list that is empty until SIGTERM comes."""
    requests: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        requests.append(number)

    try:
        before: Any = signal.signal(signal.SIGTERM, note)
    except ValueError:  # signals reach the main thread only
        yield requests
        return
    try:
        yield requests
    finally:
        signal.signal(signal.SIGTERM, before)
