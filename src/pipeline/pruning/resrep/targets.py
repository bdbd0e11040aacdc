"""How many rows ResRep is to remove, and when enough are masked."""

import copy
import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.shares import pruned_channels
from pipeline.errors import PipelineError

# Whether the numbers of rows masked in each layer are enough; more rows never are less enough.
Enough = Callable[[Counter[str]], bool]


@dataclass(frozen=True)
class Target:
    """What is to be removed.

    Attributes:
        rows: About how many rows that is.
        enough: Whether it is reached with these numbers of masked rows in each layer.
    """

    rows: int
    enough: Enough


def of_channels(widths: Mapping[str, int], sparsity: float) -> Target:
    """A fraction of all rows.

    Args:
        widths: The number of rows of each compactor.
        sparsity: The fraction to remove.
    """
    wanted = pruned_channels(sum(widths.values()), sparsity)
    return Target(wanted, lambda masked: masked.total() >= wanted)


def of_operations(
    widths: Mapping[str, int], sparsity: float, macs: Callable[[Mapping[str, int]], int]
) -> Target:
    """A fraction of the network's multiply-accumulate operations.

    Args:
        widths: The number of rows of each compactor.
        sparsity: The fraction to remove.
        macs: The network's operations without these numbers of channels, as of :func:`mac_counter`.

    Raises:
        PipelineError: cutting these layers cannot remove so many.
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
    return Target(evenly(rows).total(), enough)


def mac_counter(
    model: nn.Module, groups: Sequence[Group], example_input: Tensor
) -> Callable[[Mapping[str, int]], int]:
    """A function from numbers of removed channels to multiply-accumulate operations for one image.

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
