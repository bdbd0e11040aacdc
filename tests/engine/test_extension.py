"""The hooks of the training loop: each is called where the docstring draws it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset
from pipeline.engine import Run
from pipeline.engine.extension import Extension
from pipeline.engine.optimiser import SGD, ParameterGroup, parameter_groups
from pipeline.engine.resume import Resume
from pipeline.engine.training import fit
from pipeline.errors import Interrupted
from pipeline.models import build

MakeDataset = Callable[..., Dataset]
RECIPE = Recipe(2, batch_size=20, schedule="step", step_epochs=1)


def network() -> nn.Module:
    torch.manual_seed(0)
    return build("resnet18", 4, width=1 / 16, image_size=8)


def test_an_extension_gives_the_groups(make_dataset: MakeDataset) -> None:
    model = network()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}

    class HeadOnly(Extension):
        def parameter_groups(self, model: nn.Module) -> list[ParameterGroup]:
            return [ParameterGroup([model.fc.weight], 0.9, 0.0)]  # type: ignore[union-attr,list-item]

    fit(model, make_dataset(), Recipe(1), seed=0, extension=HeadOnly())
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"fc.weight"}


class Noted(Extension):
    """Notes each call, and each update between them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stop_at: int | None = None) -> None:
        self.calls: list[str] = []
        self.stop_at = stop_at
        update = SGD.step

        def noted(optimiser: SGD, lr: float) -> None:
            self.calls.append("update")
            update(optimiser, lr)

        monkeypatch.setattr(SGD, "step", noted)

    def parameter_groups(self, model: nn.Module) -> list[ParameterGroup]:
        self.calls.append("parameter_groups")
        self.weights = list(model.parameters())
        return parameter_groups(model, RECIPE)

    def before_step(self, iteration: int) -> None:
        if iteration == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        assert all(weight.grad is None for weight in self.weights)
        self.calls.append(f"before_step {iteration}")

    def after_backward(self, lr: float | Tensor) -> None:
        assert all(weight.grad is not None for weight in self.weights)
        self.calls.append(f"after_backward {lr:g}")

    def state_dict(self) -> dict[str, Tensor]:
        self.calls.append("state_dict")
        return {"a": torch.tensor(7)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.calls.append(f"load_state_dict {state['a'].item()}")


def test_hooks_are_called_in_the_order_that_is_drawn(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two epochs of two steps; stopped in the second step, and continued.
    data, run = make_dataset(), Run(folder=tmp_path)
    monkeypatch.setattr(Resume, "due", lambda self: True)
    with monkeypatch.context() as patch:
        first = Noted(patch, stop_at=1)
        with pytest.raises(Interrupted):
            fit(network(), data, RECIPE, seed=0, run=run, extension=first)
    assert first.calls == [
        "parameter_groups",
        "before_step 0", "after_backward 0.1", "update",
        "before_step 1", "after_backward 0.1", "update", "state_dict",
    ]  # fmt: skip
    with monkeypatch.context() as patch:
        second = Noted(patch)
        fit(network(), data, RECIPE, seed=0, run=run, extension=second)
    assert second.calls == [
        "parameter_groups", "load_state_dict 7", "state_dict",
        "before_step 2", "after_backward 0.01", "update",
        "before_step 3", "after_backward 0.01", "update",
    ]  # fmt: skip
