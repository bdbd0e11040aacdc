"""The training loop: what it takes from its recipe, and going on after an interruption."""

import math
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.cache import history, paths
from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset
from pipeline.engine import Run
from pipeline.engine.extension import Extension
from pipeline.engine.optimiser import ParameterGroup
from pipeline.engine.training import fit
from pipeline.errors import Interrupted, PipelineError
from pipeline.models import build

MakeDataset = Callable[..., Dataset]
RECIPE = Recipe(epochs=3, batch_size=8, lr=0.05)


def network() -> nn.Module:
    torch.manual_seed(0)
    return build("resnet18", 4, width=1 / 16, dropout=0.2, image_size=8)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    # Four steps an epoch: 40 images in batches of 10.
    [
        ("cosine", [0.1] * 4 + [0.075] * 4 + [0.025] * 4),
        ("step", [0.1] * 4 + [0.01] * 4 + [0.001] * 4),
        ("cosine_iteration", [0.05 * (1 + math.cos(math.pi * t / 12)) for t in range(12)]),
    ],
)
def test_a_training_takes_the_rates_of_its_recipe(
    make_dataset: Callable[..., Dataset],
    steps_taken: list[tuple[float, list[ParameterGroup]]],
    schedule: str,
    expected: list[float],
) -> None:
    recipe = Recipe(epochs=3, batch_size=10, schedule=schedule, step_epochs=1)
    fit(network(), make_dataset(), recipe, seed=0)
    assert [lr for lr, _ in steps_taken] == pytest.approx(expected)


class StopAt(Extension):
    """Sends SIGTERM to its own process in the middle of an iteration."""

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def before_step(self, iteration: int) -> None:
        if iteration == self.iteration:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("iteration", [0, 2, 4, 6, 14])
def test_an_interrupted_training_ends_with_the_same_bits(
    make_dataset: MakeDataset, tmp_path: Path, iteration: int
) -> None:
    data, whole, parts = make_dataset(), network(), network()
    told = fit(whole, data, RECIPE, seed=5)
    run = Run(folder=tmp_path, stamp="abc")
    with pytest.raises(Interrupted):
        fit(parts, data, RECIPE, seed=5, run=run, extension=StopAt(iteration))
    resumed = network()
    assert fit(resumed, data, RECIPE, seed=5, run=run) == told
    # Nor is anything lost of how it went, though the first epochs are of another process.
    assert history.read(tmp_path) == told
    for (name, one), two in zip(
        whole.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name


def test_a_resume_file_of_another_training_is_not_continued(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, whole, other = make_dataset(), network(), network()
    fit(whole, data, RECIPE, seed=5)
    with pytest.raises(Interrupted):
        fit(
            network(),
            data,
            RECIPE,
            seed=6,
            run=Run(folder=tmp_path, stamp="a"),
            extension=StopAt(3),
        )
    fit(other, data, RECIPE, seed=5, run=Run(folder=tmp_path, stamp="b"))
    assert "starting over" in capsys.readouterr().out
    assert torch.equal(whole.conv1.weight, other.conv1.weight)  # type: ignore[union-attr,arg-type]


def test_a_damaged_resume_file_is_not_continued(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / paths.RESUME).write_bytes(b"garbage")
    fit(network(), make_dataset(), Recipe(1), seed=0, run=Run(folder=tmp_path, stamp="a"))
    assert "starting over" in capsys.readouterr().out


def test_divergence_is_named(make_dataset: MakeDataset) -> None:
    with pytest.raises(PipelineError, match=r"diverged in epoch \d of 3 .*lower lr"):
        fit(network(), make_dataset(), Recipe(3, lr=1e30), seed=0)


def test_learning_happens(make_dataset: MakeDataset) -> None:
    torch.manual_seed(0)
    model = build("resnet18", 4, width=1 / 8, image_size=8)
    recipe = Recipe(12, batch_size=16, lr=0.05, warmup_epochs=1, augment=False)
    history = fit(model, make_dataset(train=160), recipe, seed=0)
    assert len(history) == 12
    assert history[-1].accuracy > 0.9 > history[0].accuracy


def test_an_l1_penalty_shrinks_the_scales(make_dataset: MakeDataset) -> None:
    def scales(gamma_l1: float) -> float:
        model = network()
        fit(model, make_dataset(), Recipe(2, batch_size=8, lr=0.05, gamma_l1=gamma_l1), seed=0)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        return sum(float(norm.weight.detach().abs().mean()) for norm in norms) / len(norms)

    assert scales(1e-2) < scales(0.0) - 0.01


def test_a_device_may_be_given_alone(make_dataset: MakeDataset) -> None:
    data, one, other, default = make_dataset(), network(), network(), network()
    fit(one, data, Recipe(1), seed=0, device="cpu")
    fit(other, data, Recipe(1), seed=0, run=Run(torch.device("cpu")))
    fit(default, data, Recipe(1), seed=0)
    for twin in (other, default):
        assert all(map(torch.equal, one.state_dict().values(), twin.state_dict().values()))
    with pytest.raises(PipelineError, match="either device or run"):
        fit(one, data, Recipe(1), seed=0, device="cpu", run=Run())
