"""Which convolutions must lose the same channels, and which layers follow them.

Channels that meet in a residual sum are removed together: their convolutions form a group. What
hangs on a group (batch norms, depthwise convolutions, the inputs of the next layers) is found by
following each channel through the network (`pipeline.cutting.tracing`), so any CNN will do.

A linear layer that runs at every pixel of a map counts among the convolutions: it is a 1×1
convolution by another name, as in ConvNeXt.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from pipeline.cutting.blocks import stays_in_order
from pipeline.cutting.layers import OUT, blocks, is_pruned
from pipeline.cutting.refusals import refuse_attention, refuse_shared_and_derived
from pipeline.cutting.tracing import Trace
from pipeline.errors import PipelineError

COUPLINGS = ("group", "independent")


@dataclass(frozen=True)
class Dependant:
    """A layer with a dimension that follows the output channels of a convolution.

    Attributes:
        layer: Its name; or that of a parameter outside the layers.
        dim: 0 for the layer's outputs, 1 for its inputs; for a parameter, the dimension.
        source: The convolution whose channels it follows; for a convolution's outputs, itself.
        positions: For each channel of the source, the indices along `dim` that stand for it.
    """

    layer: str
    dim: int
    source: str
    positions: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Group:
    """Convolutions whose output channels are chosen together.

    Attributes:
        convolutions: Their names, in the order in which they run.
        channels: How many output channels each of them has.
        norms: The batch norm that directly follows a convolution, where one does.
        dependants: All layers that change with them, themselves included.
        blocks: Of how many equal parts of the channels equally many must stay, since a convolution
            with groups, a group norm or a `chunk` divides them so.
    """

    convolutions: tuple[str, ...]
    channels: int
    norms: dict[str, str]
    dependants: tuple[Dependant, ...]
    blocks: int = 1


def find_groups(model: nn.Module, example_input: Tensor, coupling: str = "group") -> list[Group]:
    """The groups of a network, in the order in which they run.

    Convolutions that give the network's output are in none, nor are depthwise and transposed ones,
    which have no choice but to follow.

    Args:
        model: Any CNN; left as it is.
        example_input: Images [B, 3, H, W]; the first of them is enough.
        coupling: ``group``, or ``independent``: each convolution is a group of its own. What takes
            in a residual sum then keeps the channels of the convolution that ran last before it,
            and the positions of the summands add up pairwise.

    Raises:
        PipelineError: the coupling is not known; the network cannot be traced, or a layer of it
            cannot be cut; or channels are not coupled one to one.
    """
    if coupling not in COUPLINGS:
        raise PipelineError(f"unknown coupling {coupling!r}; known: {', '.join(COUPLINGS)}")
    refuse_attention(model)
    refuse_shared_and_derived(model)
    trace = Trace(model, example_input[:1])
    found: list[Group] = []
    seen: set[str] = set()
    roots = [n for n, layer in trace.layers.items() if is_pruned(layer, n in trace.maps)]
    for name in roots:
        if name not in seen:
            numbers, members = _members(name, roots, trace)
            seen.update(members)
            if trace.outputs.isdisjoint(numbers):
                found.append(_group(members, numbers, trace))
    return found if coupling == "group" else [part for group in found for part in _split(group)]


def _members(root: str, roots: Sequence[str], trace: Trace) -> tuple[list[int], list[str]]:
    """The numbers of a convolution's channels, and the convolutions that have the same ones."""
    numbers = trace.places[root, OUT].tolist()
    own = set(numbers)
    members = [name for name in roots if own.intersection(trace.places[name, OUT].tolist())]
    if len(own) < len(numbers):
        raise PipelineError(f"the channels of {root} are not coupled one to one: some are tied")
    for name in members:
        if trace.places[name, OUT].tolist() != numbers:
            raise PipelineError(f"the channels of {root} and {name} are not coupled one to one")
    return numbers, members


def _group(members: Sequence[str], numbers: Sequence[int], trace: Trace) -> Group:
    for where, lost in trace.lost:
        if not lost.isdisjoint(numbers):
            raise PipelineError(f"{where}: the channels of {members[0]} cannot be followed there")
    channel_of = {number: channel for channel, number in enumerate(numbers)}
    time_of = {name: time for time, name in enumerate(trace.layers)}

    def time(name: str) -> int:
        return time_of.get(name, time_of.get(name.rpartition(".")[0], len(time_of)))

    def source(name: str, dim: int) -> str:
        if dim == OUT and name in members:
            return name
        before = [member for member in members if time(member) < time(name)]
        return before[-1] if before else members[0]

    dependants = []
    for (name, dim), places in trace.places.items():
        if positions := _positions(places, channel_of):
            dependants.append(Dependant(name, dim, source(name, dim), positions))
    dependants.sort(key=lambda each: (time(each.layer), each.dim))
    equal = _blocks(members[0], dependants, channel_of, trace)
    _refuse_other_orders(members[0], dependants, channel_of, trace, equal)
    return Group(
        tuple(members),
        len(numbers),
        {name: trace.norms[name] for name in members if name in trace.norms},
        tuple(dependants),
        equal,
    )


def _refuse_other_orders(
    root: str,
    dependants: Sequence[Dependant],
    channel_of: Mapping[int, int],
    trace: Trace,
    equal: int,
) -> None:
    for each in dependants:
        places = trace.places[each.layer, each.dim].tolist()
        taken = np.array([channel_of[number] for number in places if number in channel_of])
        whole = all(each.positions)
        if whole and not stays_in_order(taken, len(channel_of), equal):
            raise PipelineError(
                f"{each.layer}: takes in the channels of {root} in another order, which differs "
                "from cut to cut"
            )


def _positions(places: Tensor, channel_of: Mapping[int, int]) -> tuple[tuple[int, ...], ...]:
    """For each channel of a group, where it is among the places of a layer; empty if nowhere."""
    positions: list[list[int]] = [[] for _ in channel_of]
    for position, number in enumerate(places.tolist()):
        if number in channel_of:
            positions[channel_of[number]].append(position)
    return tuple(map(tuple, positions)) if any(positions) else ()


def _blocks(
    root: str, dependants: Sequence[Dependant], channel_of: Mapping[int, int], trace: Trace
) -> int:
    """Of how many equal parts of a group's channels equally many must stay."""
    channels = len(channel_of)
    one_by_one = tuple((channel,) for channel in range(channels))
    demands = [
        (each.layer, each.positions, len(trace.places[each.layer, each.dim]), parts)
        for each in dependants
        if each.layer in trace.layers and (parts := blocks(trace.layers[each.layer])) > 1
    ]
    demands += [
        (name, positions, len(places), parts)
        for name, places, parts in trace.parts
        if (positions := _positions(places, channel_of))
    ]
    for name, positions, width, parts in demands:
        if positions != one_by_one or width != channels:
            raise PipelineError(
                f"{name}: divides its channels into {parts} parts, and those of {root} are not "
                "all of them"
            )
        if parts == channels:
            raise PipelineError(
                f"{name}: has one channel in each of its {parts} parts, so that none of {root} "
                "can be cut"
            )
    found = math.lcm(1, *(parts for _, _, _, parts in demands))
    if channels % found:
        raise PipelineError(
            f"{root}: its {channels} channels cannot stay equal in parts of {found}"
        )
    return found


def _split(group: Group) -> list[Group]:
    return [
        Group(
            (name,),
            group.channels,
            {name: group.norms[name]} if name in group.norms else {},
            tuple(dependant for dependant in group.dependants if dependant.source == name),
            group.blocks,
        )
        for name in group.convolutions
    ]
