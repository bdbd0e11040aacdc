"""When ResRep masks rows, how many, and whether that suffices.

    schedule = official_schedule(recipe.epochs, len(rates))
    enough, wanted = channels_target(widths, sparsity=0.8)
    masked, vanished = schedule_reach(schedule, rates)

Where fewer vanish than are wanted, :func:`reaching_schedule` tells what would do.
"""

import copy
import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.selection import pruned_channels
from pipeline.errors import PipelineError

# The run whose iterations the default options count: 180 epochs of CIFAR in full batches of 64.
OFFICIAL_EPOCHS = 180
OFFICIAL_ITERATIONS = OFFICIAL_EPOCHS * (50_000 // 64)

# How far the lasso should be able to shorten a row that is masked last; rows begin with norm 1.
# In the middle of the official run it is 1.28.
REACH = 1.25

Enough = Callable[[Counter[str]], bool]


@dataclass(frozen=True)
class Schedule:
    """When rows are masked, how many, and how hard the lasso pulls.

    Attributes:
        warm_up: Iterations before the first choice of rows.
        interval: Iterations from one choice to the next.
        rows_per_step: How many more rows may be masked at a choice than before.
        lasso: The weight λ of Eq. 4.
        lasso_masked: The same for masked rows.
        compactor_momentum: Momentum of the compactors' rows.
    """

    warm_up: int
    interval: int
    rows_per_step: int
    lasso: float
    lasso_masked: float
    compactor_momentum: float

    def chooses_at(self, iteration: int) -> bool:
        """Whether rows are chosen at an iteration, counted from 0."""
        return iteration >= self.warm_up and iteration % self.interval == 0


def official_schedule(
    epochs: int,
    iterations: int,
    *,
    lasso: float = 1e-4,
    compactor_momentum: float = 0.99,
    warmup_epochs: float = 5.0,
    interval: int = 200,
    rows_per_step: int = 4,
) -> Schedule:
    """The published schedule, with warm-up and interval in proportion where a run is shorter."""
    warm_up = warmup_epochs * min(1.0, epochs / OFFICIAL_EPOCHS) * iterations / epochs
    interval = max(1, round(interval * min(1.0, iterations / OFFICIAL_ITERATIONS)))
    return Schedule(round(warm_up), interval, rows_per_step, lasso, lasso, compactor_momentum)


def reaching_schedule(schedule: Schedule, rates: Sequence[float], wanted: int) -> Schedule:
    """A schedule changed so that `wanted` rows are masked halfway and can vanish in what is left.

    Args:
        schedule: What to change, where it does not reach that far already.
        rates: The learning rate of each iteration.
        wanted: The number of rows to remove.
    """
    half = len(rates) // 2
    choices = sum(map(schedule.chooses_at, range(half)))
    rows_per_step = max(schedule.rows_per_step, math.ceil(wanted / max(1, choices)))
    # In a short run, momentum would carry vanished rows far beyond zero.
    shorter = min(1.0, len(rates) / OFFICIAL_ITERATIONS)
    momentum = max(0.0, 1 - (1 - schedule.compactor_momentum) / shorter)
    needed = REACH * (1 - momentum) / sum(rates[half:])
    return replace(
        schedule,
        rows_per_step=rows_per_step,
        lasso_masked=max(schedule.lasso_masked, needed),
        compactor_momentum=momentum,
    )


def schedule_reach(schedule: Schedule, rates: Sequence[float]) -> tuple[int, int]:
    """How many rows a schedule can mask, and how many of them so early that they vanish.

    From iteration t on the lasso shortens a masked row by Σ lr·λ / (1 - momentum); a row is taken
    to begin with norm 1.

    Args:
        schedule: The schedule.
        rates: The learning rate of each iteration.
    """
    pull = schedule.lasso_masked / (1 - schedule.compactor_momentum)
    left = list(accumulate(reversed(rates)))[::-1]
    choices = [t for t in range(len(rates)) if schedule.chooses_at(t)]
    in_time = sum(pull * left[t] >= 1 for t in choices)
    return schedule.rows_per_step * len(choices), schedule.rows_per_step * in_time


def channels_target(widths: Mapping[str, int], sparsity: float) -> tuple[Enough, int]:
    """When enough rows are masked, and how many that is: a fraction of all of them.

    Args:
        widths: The number of rows of each compactor.
        sparsity: The fraction to remove.
    """
    wanted = pruned_channels(sum(widths.values()), sparsity)
    return lambda masked: masked.total() >= wanted, wanted


def flops_target(
    widths: Mapping[str, int], sparsity: float, macs: Callable[[Mapping[str, int]], int]
) -> tuple[Enough, int]:
    """When enough rows are masked, and about how many that is: a fraction of the operations.

    Args:
        widths: The number of rows of each compactor.
        sparsity: The fraction to remove.
        macs: The network's operations without these numbers of channels, as of :func:`mac_counter`.

    Raises:
        PipelineError: it cannot be had by cutting these layers.
    """
    most = (1 - sparsity) * macs({})

    def enough(masked: Counter[str]) -> bool:
        return macs(masked) <= most

    def evenly(rows: int) -> Counter[str]:
        total = sum(widths.values())
        return Counter({name: rows * width // total for name, width in widths.items()})

    counts = range(sum(widths.values()))
    rows = bisect_left(counts, True, key=lambda rows: enough(evenly(rows)))
    if rows == len(counts):
        raise PipelineError(f"resrep cannot remove {sparsity:.0%} of this network's operations")
    return enough, evenly(rows).total()


def mac_counter(
    model: nn.Module, groups: Sequence[Group], example_input: Tensor
) -> Callable[[Mapping[str, int]], int]:
    """A function from numbers of removed channels to multiply-accumulate operations an image.

    It counts convolutions and linear layers.
    """
    model = copy.deepcopy(model).eval()
    positions: dict[str, int] = {}
    layers = {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    names = {layer: name for name, layer in layers.items()}

    def note(layer: nn.Module, inputs: object, output: Tensor) -> None:
        positions[names[layer]] = output[0, 0].numel()  # type: ignore[index]

    for layer in layers.values():
        layer.register_forward_hook(note)
    with torch.no_grad():
        model(example_input.to(next(model.parameters()).device))
    follows = defaultdict(list)
    for group in groups:
        for dependant in group.dependants:
            each = len(dependant.positions[0])
            follows[dependant.layer].append((dependant.dim, dependant.source, each))

    def macs(removed: Mapping[str, int]) -> int:
        total = 0
        for name, times in positions.items():
            shape = list(layers[name].weight.shape)
            for dim, source, each in follows[name]:
                shape[dim] -= each * removed.get(source, 0)
            total += times * math.prod(shape)
        return total

    return macs
