"""Learning rates: the published recipes, epoch by epoch, against torch's own schedulers."""

import math
from collections.abc import Callable, Iterator

import pytest
import torch
from recipes import CIFAR, IMAGENET, RESREP
from torch import nn

from pipeline.cache.specs import Recipe
from pipeline.engine.learning_rate import learning_rate, learning_rates, steps_in_epoch
from pipeline.errors import PipelineError


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


@pytest.mark.parametrize(
    ("recipe", "position", "expected"),
    [
        (Recipe(90, schedule="step"), (29, 0, 10), 0.1),
        (Recipe(90, schedule="step"), (30, 0, 10), 0.01),
        (Recipe(90, schedule="step"), (89, 9, 10), 0.001),
        (Recipe(10, schedule="cosine_iteration"), (5, 0, 10), 0.05),
        (
            Recipe(10, schedule="cosine_iteration"),
            (9, 9, 10),
            0.05 * (1 + math.cos(0.99 * math.pi)),
        ),
        (Recipe(10, warmup_epochs=2), (0, 0, 4), 0.1 / 8),
        (Recipe(10, warmup_epochs=2), (0, 3, 4), 0.1 / 2),
        (Recipe(10, warmup_epochs=2), (5, 0, 4), 0.05),
    ],
)
def test_schedules(recipe: Recipe, position: tuple[int, int, int], expected: float) -> None:
    assert learning_rate(recipe, *position) == pytest.approx(expected)


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"unknown schedule 'linear'; known: cosine, cosine_it"):
        learning_rate(Recipe(10, schedule="linear"), 0, 0, 10)


def test_every_step_has_a_rate() -> None:
    recipe = Recipe(2, batch_size=4, lr=1.0, schedule="step", step_epochs=1)
    assert learning_rates(recipe, 10) == pytest.approx([1.0] * 3 + [0.1] * 3)


def test_a_short_batch_counts_unless_it_is_dropped() -> None:
    assert steps_in_epoch(Recipe(1, batch_size=4), 10) == 3
    assert steps_in_epoch(Recipe(1, batch_size=4, drop_last=True), 10) == 2
    assert steps_in_epoch(Recipe(1, batch_size=16), 10) == 1
    message = "^batch_size 16 with drop_last: true leaves no batch of 10 training images; lower bat"
    with pytest.raises(PipelineError, match=message):
        steps_in_epoch(Recipe(1, batch_size=16, drop_last=True), 10)
