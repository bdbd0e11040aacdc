"""Which tensor shows a convolution's channels as the network sees them: after the activation.

The network is traced with torch.fx, so an architecture of one's own need not name its maps.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.nn import functional as F

from pipeline.errors import PipelineError
from pipeline.models.shared.padding import ChannelPad

FUSED = "fused"  # a batch norm of an own kind, with an activation within
ACTIVATIONS = {
    "celu", "clamp", "clampmax", "clampmin", "clip", "elu", "gelu", "hardshrink", "hardsigmoid",
    "hardswish", "hardtanh", "leakyrelu", "logsigmoid", "mish", "prelu", "relu", "relu6", "rrelu",
    "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh", "tanhshrink",
    "threshold", FUSED,
}  # fmt: skip
PASSED = {
    "add", "batchnorm", "batchnorm2d", "contiguous", "dropout", "dropout2d", "featuredropout",
    "groupnorm", "iadd", "identity", "instancenorm", "instancenorm2d",
}  # fmt: skip
# What comes before an activation in some networks; without one, the map is that before the pool.
POOLS = {"adaptiveavgpool2d", "adaptivemaxpool2d", "avgpool2d", "lppool2d", "maxpool2d"}
# Functions that torch.nn.functional makes of others, without a name of their own.
NAMELESS: Mapping[object, str] = {
    F.max_pool2d: "maxpool2d",
    F.adaptive_max_pool2d: "adaptivemaxpool2d",
}


@dataclass(frozen=True)
class FeatureMaps:
    """A network's graph, and where each convolution's channels show in it.

    Attributes:
        graph: The network as torch.fx traces it; each convolution is one node.
        nodes: For each convolution, the node that gives its feature map.
        parts: Where a convolution's map is only a part of what its node gives, the node that
            concatenates the maps, and which of them it is.
        plain: The convolutions behind which no activation was found.
    """

    graph: fx.Graph
    nodes: Mapping[str, fx.Node]
    parts: Mapping[str, tuple[fx.Node, int]]
    plain: tuple[str, ...]


def find_feature_maps(model: nn.Module) -> FeatureMaps:
    """Find the feature map of each convolution of a network.

    It is the first activation that the convolution's output passes unbranched, through norms,
    additions and pools; or, where there is none, the last such tensor before a pool. Where a
    max-pool hands the activation on to a residual block, it is the pooled map, as for the stem of
    an ImageNet ResNet. Where the first thing that happens to an output is that it is concatenated
    with others, as in a DenseNet, it is its own part of the activation in the layer that runs next,
    as in HRank's code (there, the last 12 channels of it).

    Raises:
        PipelineError: torch.fx cannot trace the network.
    """
    try:
        graph = _Tracer().trace(model)
    except Exception as error:  # a network of one's own may raise anything when it is traced
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PipelineError(f"cannot trace {type(model).__name__}: {reason}") from None
    modules = dict(model.named_modules())
    nodes, parts, plain = {}, {}, []
    for node in graph.nodes:
        if node.op == "call_module" and isinstance(modules[node.target], nn.Conv2d):
            name = str(node.target)
            nodes[name], part = _feature_map(node, modules)
            if part is None:
                plain.append(name)
            elif part:
                parts[name] = part
    return FeatureMaps(graph, nodes, parts, tuple(plain))


class _Tracer(fx.Tracer):
    """Takes convolutions, batch norms and paddings of every kind for one operation each."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.Conv2d | nn.BatchNorm2d | ChannelPad) or super().is_leaf_module(
            m, module_qualified_name
        )


def _feature_map(
    node: fx.Node, modules: Mapping[str, nn.Module]
) -> tuple[fx.Node, tuple[fx.Node, int] | tuple[()] | None]:
    """The feature map behind a convolution, and which part of it, if it is one of several.

    Without an activation, the second is None.
    """
    convolution = modules[str(node.target)]
    assert isinstance(convolution, nn.Conv2d)
    if _is_fused(convolution):
        return node, ()
    before, part = None, None
    while _operation(node, modules) not in ACTIVATIONS:
        users = list(node.users)
        if part is None and users and all(_concatenates(user) for user in users):
            before = before or node
            part = users[0], list(users[0].args[0]).index(node)  # type: ignore[arg-type]
        operation = _operation(users[0], modules) if len(users) == 1 or part else ""
        if operation not in PASSED | POOLS | ACTIVATIONS and not (part and users[0] is part[0]):
            return before or node, None
        if operation in POOLS:
            before = before or node
        node = users[0]
    users = list(node.users)
    pooled = len(users) == 1 and _operation(users[0], modules) == "maxpool2d"
    return (users[0] if pooled and len(users[0].users) > 1 else node), part or ()


def _concatenates(node: fx.Node) -> bool:
    """Whether a node puts maps behind each other, channel by channel."""
    if node.op != "call_function" or node.target not in (torch.cat, torch.concat):
        return False
    dim = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    return dim in (1, -3) and len(node.args) > 0 and isinstance(node.args[0], list | tuple)


@torch.no_grad()
def _is_fused(layer: nn.Conv2d | nn.BatchNorm2d) -> bool:
    """Whether a layer of an own kind has an activation within: whether it is not affine."""
    if type(layer) in (nn.Conv2d, nn.BatchNorm2d):
        return False
    layer = copy.deepcopy(layer).eval()
    channels = layer.in_channels if isinstance(layer, nn.Conv2d) else layer.num_features
    like = next(layer.parameters())
    ramp = torch.linspace(-1, 1, channels * 32 * 32, dtype=like.dtype, device=like.device)
    images = ramp.view(1, channels, 32, 32)
    try:
        low, middle, high = (layer(factor * images) for factor in (-1, 0, 1))
    except Exception:  # what does not run alone is taken for a layer as any other
        return False
    return not torch.allclose(high - middle, middle - low, rtol=1e-3, atol=1e-4)


def _operation(node: fx.Node, modules: Mapping[str, nn.Module]) -> str:
    """What a node does, the same for a module, a function and a method: ``relu``."""
    match node.op:
        case "call_module":
            module = modules[str(node.target)]
            if isinstance(module, nn.BatchNorm2d):
                return FUSED if _is_fused(module) else "batchnorm2d"
            name = type(module).__name__
        case "call_function":
            name = NAMELESS.get(node.target) or str(getattr(node.target, "__name__", ""))
        case "call_method":
            name = str(node.target)
        case _:
            return ""
    return name.lower().replace("_", "")
