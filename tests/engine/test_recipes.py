"""The published recipes, epoch by epoch, against torch's own optimisers and schedules."""

import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from pipeline.cache.specs import Recipe
from pipeline.cutting.coupling import find_groups
from pipeline.datasets import Dataset
from pipeline.engine import training
from pipeline.engine.training import SGD, ParameterGroup, fit, learning_rate, parameter_groups
from pipeline.models import build
from pipeline.pruning.resrep import prune_in_training
from pipeline.pruning.resrep.compactors import insert

# kuangliu/pytorch-cifar: SGD(lr=0.1, momentum=0.9, weight_decay=5e-4), CosineAnnealingLR(T_max);
# pytorch/examples: SGD(0.1, momentum=0.9, weight_decay=1e-4), StepLR(step_size=30, gamma=0.1);
# DingXiaoH/ResRep: lr 0.01, cosine to 0 over all iterations.
CIFAR = Recipe(epochs=200)
IMAGENET = Recipe(epochs=90, batch_size=256, weight_decay=1e-4, schedule="step")
RESREP = Recipe(
    epochs=180, batch_size=64, lr=0.01, weight_decay=1e-4, schedule="cosine_iteration",
    drop_last=True, decay_normalisation=False, bias_lr=2.0,
)  # fmt: skip


def published_rates(
    lr: float, scheduler: Callable[[torch.optim.Optimizer], object], count: int
) -> Iterator[float]:
    """The rates that one of torch's schedulers gives, as it is stepped `count` times."""
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = scheduler(optimiser)
    for _ in range(count):
        yield optimiser.param_groups[0]["lr"]
        optimiser.step()
        schedule.step()  # type: ignore[attr-defined]


@pytest.mark.parametrize("epochs", [200, 150])
def test_cifar_and_its_fine_tuning_anneal_once_an_epoch(epochs: int) -> None:
    recipe = Recipe(**{**vars(CIFAR), "epochs": epochs})
    rates = published_rates(
        0.1, lambda sgd: torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=epochs), epochs
    )
    for epoch, expected in enumerate(rates):
        found = [learning_rate(recipe, epoch, step, 391) for step in (0, 200, 390)]
        assert found == pytest.approx([expected] * 3, abs=1e-12)


@pytest.mark.parametrize("epochs", [90, 45])
def test_imagenet_and_its_fine_tuning_drop_every_30_epochs(epochs: int) -> None:
    recipe = Recipe(**{**vars(IMAGENET), "epochs": epochs})
    rates = published_rates(
        0.1, lambda sgd: torch.optim.lr_scheduler.StepLR(sgd, step_size=30, gamma=0.1), epochs
    )
    for epoch, expected in enumerate(rates):
        found = [learning_rate(recipe, epoch, step, 5005) for step in (0, 2500, 5004)]
        assert found == pytest.approx([expected] * 3, rel=1e-9)


def test_resrep_anneals_at_every_iteration() -> None:
    steps = 7
    total = RESREP.epochs * steps
    rates = published_rates(
        0.01, lambda sgd: torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=total), total
    )
    for iteration, expected in enumerate(rates):
        found = learning_rate(RESREP, *divmod(iteration, steps), steps)
        assert found == pytest.approx(expected, abs=1e-12)


def decays(recipe: Recipe, model: nn.Module) -> dict[str, tuple[float, float, float]]:
    """Weight decay, momentum and factor on the learning rate, by name of the parameter."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group.weight_decay, group.momentum, group.lr_scale)
        for group in parameter_groups(model, recipe)
        for parameter in group.parameters
    }


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
@pytest.mark.parametrize(("recipe", "decay"), [(CIFAR, 5e-4), (IMAGENET, 1e-4)])
def test_the_base_recipes_decay_every_parameter_alike(
    arch: str, recipe: Recipe, decay: float
) -> None:
    model = build(arch, 10, width=1 / 16)
    found = decays(recipe, model)
    assert found == {name: (decay, 0.9, 1.0) for name, _ in model.named_parameters()}


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
def test_resrep_decays_weights_alone_and_doubles_the_rate_of_biases(arch: str) -> None:
    model = build(arch, 10, width=1 / 16)
    norms = {name for name, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    expected = {}
    for name, _ in model.named_parameters():
        layer, _, kind = name.rpartition(".")
        light = kind == "bias" or layer in norms
        expected[name] = (0.0 if light else 1e-4, 0.9, 2.0 if kind == "bias" else 1.0)
    assert decays(RESREP, model) == expected
    assert {factor for _, _, factor in expected.values()} == {1.0, 2.0}


@pytest.fixture
def steps_taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, list[ParameterGroup]]]:
    """The learning rate and the groups of every step that any training takes."""
    taken: list[tuple[float, list[ParameterGroup]]] = []
    step = SGD.step

    def spied(self: SGD, lr: float) -> None:
        taken.append((lr, self.groups))
        step(self, lr)

    monkeypatch.setattr(training.SGD, "step", spied)
    return taken


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
    fit(build("resnet18", 4, width=1 / 16, image_size=8), make_dataset(), recipe, seed=0)
    assert [lr for lr, _ in steps_taken] == pytest.approx(expected)


def test_a_resrep_training_takes_its_recipes_rates_and_groups(
    make_dataset: Callable[..., Dataset],
    steps_taken: list[tuple[float, list[ParameterGroup]]],
) -> None:
    model = build("resnet18", 4, width=1 / 16, image_size=8)
    example = torch.zeros(1, 3, 8, 8)
    recipe = Recipe(**{**vars(RESREP), "epochs": 2, "batch_size": 16})
    prune_in_training(model, make_dataset(), 0.2, recipe, example_input=example)
    # Two full batches of 16 in 40 images; a cosine over 4 iterations: 1 + cos(0, 45, 90, 135 °).
    root = 2**0.5 / 2
    assert [lr for lr, _ in steps_taken] == pytest.approx(
        [0.01 * (1 + cosine) / 2 for cosine in (1, root, 0, -root)]
    )
    compactors = insert(model, find_groups(model, example))
    for _, groups in steps_taken:
        *_, last = groups
        assert (last.weight_decay, last.momentum, last.lr_scale) == (0.0, 0.99, 1.0)
        shapes = [tuple(parameter.shape) for parameter in last.parameters]
        assert shapes == [tuple(each.weight.shape) for each in compactors.values()]
