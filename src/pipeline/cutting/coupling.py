"""Which convolutions must lose the same channels, and which layers follow them.

Channels that meet in a residual sum are removed together: their convolutions form a group. What
hangs on a group (batch norms, depthwise convolutions, the inputs of the next layers) is found by
tracing the network with Torch-Pruning's dependency graph, so any CNN will do.
"""

import copy
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch_pruning.dependency.node import Node

from pipeline.cutting.refusals import has_tensors, refuse_shared_and_derived
from pipeline.errors import PipelineError

COUPLINGS = ("group", "independent")


@dataclass(frozen=True)
class Dependant:
    """A layer with a dimension that follows the output channels of a convolution.

    Attributes:
        layer: Its name.
        dim: The dimension of its tensors: 0 for outputs, 1 for inputs.
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

    Convolutions that give the network's output are in none, nor are depthwise ones, which have
    no choice but to follow.

    Args:
        model: Any CNN that Torch-Pruning can trace; left as it is.
        example_input: Images [B, 3, H, W].
        coupling: ``group``, or ``independent``: each convolution is a group of its own. What takes
            in a residual sum then keeps the channels of the convolution that ran last before it,
            and the positions of the summands add up pairwise.

    Raises:
        PipelineError: the coupling is not known; the network cannot be traced, or a layer of it
            cannot be cut; or channels are not coupled one to one.
    """
    if coupling not in COUPLINGS:
        raise PipelineError(f"unknown coupling {coupling!r}; known: {', '.join(COUPLINGS)}")
    refuse_shared_and_derived(model)
    trace = _Trace(model, example_input)
    found: list[Group] = []
    seen: set[str] = set()
    for name, module in trace.layers.items():
        if isinstance(module, nn.Conv2d) and not _is_depthwise(module) and name not in seen:
            if module.groups > 1:
                raise PipelineError(f"{name}: cannot prune a convolution with groups")
            group, is_output = _group_of(module, trace)
            seen.update(group.convolutions)
            if not is_output:
                found.append(group)
    return found if coupling == "group" else [part for group in found for part in _split(group)]


class _Trace:
    """A forward pass of a copy of a network.

    Attributes:
        layers: Modules by name, in the order in which they ran.
        graph: What depends on what.
    """

    def __init__(self, model: nn.Module, example_input: Tensor) -> None:
        # Tracing needs gradients and leaves the network in evaluation mode.
        model = copy.deepcopy(model).requires_grad_(True)
        names = {module: name for name, module in model.named_modules()}
        self.layers: dict[str, nn.Module] = {}

        def note(module: nn.Module, *_: object) -> None:
            self.layers.setdefault(names[module], module)

        for module in names:
            module.register_forward_hook(note)
        example_input = example_input.to(next(model.parameters()).device)
        self.graph = tp.DependencyGraph()
        try:
            with torch.enable_grad():
                self.graph.build_dependency(model, (example_input,), verbose=False)
        except Exception as error:  # a network of one's own may raise anything
            where = _layer_before(error, names) or type(model).__name__
            raise PipelineError(
                f"{where}: which channels belong together cannot be traced: {first_line(error)}"
            ) from None
        self.parameters = {parameter: name for name, parameter in model.named_parameters()}
        self.name_of = {module: name for name, module in self.layers.items()}
        self.time_of = {name: time for time, name in enumerate(self.layers)}


def _group_of(root: nn.Conv2d, trace: _Trace) -> tuple[Group, bool]:
    """A convolution's group, and whether its channels are the network's output."""
    channels = root.out_channels
    try:
        items = trace.graph.get_pruning_group(root, tp.prune_conv_out_channels, range(channels))
    except Exception as error:  # of an operation that the graph does not know
        raise PipelineError(
            f"{trace.name_of[root]}: what depends on its channels cannot be traced: "
            f"{first_line(error)}"
        ) from None
    changes = []
    for item in items:
        target = item.dep.target.module
        if isinstance(target, nn.Parameter):
            raise PipelineError(
                f"{trace.parameters[target]}: a parameter outside a layer cannot be cut with the "
                f"channels of {trace.name_of[root]}"
            )
        if (name := trace.name_of.get(target)) is not None and _is_cut(target, name):
            dim = 0 if trace.graph.is_out_channel_pruning_fn(item.dep.handler) else 1
            positions: list[list[int]] = [[] for _ in range(channels)]
            for channel, position in zip(item.root_idxs, item.idxs, strict=True):
                positions[channel].append(position)
            if isinstance(target, nn.Conv2d) and target.groups > 1 and not _is_depthwise(target):
                raise PipelineError(f"{name}: cannot prune a convolution with groups")
            if max(item.idxs) >= _size(target, dim):
                raise PipelineError(
                    f"{name}: which of its channels are those of {trace.name_of[root]} cannot be "
                    "traced"
                )
            changes.append((name, dim, tuple(map(tuple, positions))))

    members = []
    one_to_one = tuple((channel,) for channel in range(channels))
    for name, dim, places in changes:
        layer = trace.layers[name]
        if dim == 0 and isinstance(layer, nn.Conv2d) and not _is_depthwise(layer):
            members.append(name)
            if layer.out_channels != channels or places != one_to_one:
                both = f"{trace.name_of[root]} and {name}"
                raise PipelineError(f"the channels of {both} are not coupled one to one")
    members.sort(key=trace.time_of.__getitem__)

    def source(name: str, dim: int) -> str:
        if dim == 0 and name in members:
            return name
        before = [m for m in members if trace.time_of[m] < trace.time_of[name]]
        return before[-1] if before else members[0]

    norms = {}
    for name in members:
        followers = [node.module for node in trace.graph.module2node[trace.layers[name]].outputs]
        if len(followers) == 1 and isinstance(followers[0], nn.BatchNorm2d):
            norms[name] = trace.name_of[followers[0]]
    dependants = tuple(
        Dependant(name, dim, source(name, dim), places) for name, dim, places in changes
    )
    is_output = any(item.dep.target.type == tp.ops.OPTYPE.OUTPUT for item in items)
    return Group(tuple(members), channels, norms, dependants), is_output


def _split(group: Group) -> list[Group]:
    return [
        Group(
            (name,),
            group.channels,
            {name: group.norms[name]} if name in group.norms else {},
            tuple(dependant for dependant in group.dependants if dependant.source == name),
        )
        for name in group.convolutions
    ]


def _layer_before(error: BaseException, names: Mapping[nn.Module, str]) -> str | None:
    """The layer whose output an operation takes in that the dependency graph stumbled over."""
    nodes: list[Any] = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        nodes = [v for v in frame.f_locals.values() if isinstance(v, Node)] or nodes
    while nodes:
        if (module := nodes[0].module) in names:
            return names[module]
        nodes = nodes[0].inputs
    return None


def _is_cut(layer: nn.Module, name: str) -> bool:
    """Whether a layer has anything to cut; PipelineError if it has, and cannot be."""
    if isinstance(layer, nn.PReLU) and layer.num_parameters == 1:
        return False
    if has_tensors(layer) and not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
        raise PipelineError(f"{name}: layers of the type {type(layer).__name__} cannot be cut")
    return has_tensors(layer)


def _size(layer: nn.Module, dim: int) -> int:
    if isinstance(layer, nn.BatchNorm2d):
        return layer.num_features
    return int(layer.weight.shape[dim])  # type: ignore[index]


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _is_depthwise(layer: nn.Conv2d) -> bool:
    return layer.groups == layer.out_channels > 1
