"""HRank pruning (paper, Section 3.1; Lin et al., HRank: Filter Pruning using High-Rank Feature Map,
CVPR 2020).

The rank is that of the map after the activation, as in the authors' code: what a convolution
itself puts out nearly always has full rank. The maps are found by tracing the network with
torch.fx, so an architecture of one's own need not name them.
"""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, fx, nn

from pipeline.cutting.coupling import Group
from pipeline.errors import PipelineError

LABEL = "HRank"

ACTIVATIONS = {"relu", "relu6", "leakyrelu", "prelu", "elu", "silu", "gelu", "hardswish", "mish"}
PASSED = {"batchnorm2d", "add", "iadd", "identity", "dropout", "dropout2d"}

# How many elements of feature maps are decomposed at once: 64 MB, whatever their size.
ELEMENTS_AT_ONCE = 2**24


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    *,
    images: Tensor | None = None,
    seed: int = 0,
    batches: int = 5,
    batch_size: int = 128,
) -> dict[str, Tensor]:
    """The mean matrix rank of the feature maps that show each channel.

    In a group it is the mean over all distinct maps of its convolutions: in a ResNet those behind
    the additions and the one that the stem hands on.

    Args:
        model: The network in evaluation mode; it must be one that torch.fx can trace.
        groups: Its groups of convolutions.
        images: Float32 [N, 3, H, W], normalised training images in random order.
        seed: Not used.
        batches: How many batches of images to look at, if there are as many.
        batch_size: Images in a batch.

    Raises:
        PipelineError: there are no images, or the network cannot be traced.
    """
    if images is None or len(images) == 0:
        raise PipelineError("hrank needs training images")
    images = images[: batches * batch_size]
    graph, maps = feature_maps(model)
    ranks = Ranks(model, graph, set(maps.values()))
    device = next(model.parameters()).device
    # TF32 would add noise to the small singular values.
    precise = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with torch.no_grad(), torch.autocast(device.type, enabled=False), precise:
        for batch in torch.split(images, batch_size):
            ranks.run(batch.to(device).float())
    result: dict[str, Tensor] = {}
    for group in groups:
        sums = [ranks.sums[node] for node in {maps[name] for name in group.convolutions}]
        mean = torch.stack(sums).sum(0).double() / (len(sums) * len(images))
        result |= dict.fromkeys(group.convolutions, mean)
    return result


def feature_maps(model: nn.Module) -> tuple[fx.Graph, dict[str, fx.Node]]:
    """A network's graph, and for each convolution the node that gives its feature map.

    That is the first activation that its output passes unbranched, through batch norm and
    additions; or, where there is none, the last such tensor. Where a max-pool hands the activation
    on to a residual block, it is the pooled map, as for the stem of an ImageNet ResNet.

    Raises:
        PipelineError: the network cannot be traced.
    """
    try:
        graph = fx.Tracer().trace(model)
    except fx.proxy.TraceError as error:
        raise PipelineError(f"hrank cannot trace {type(model).__name__}: {error}") from None
    modules = dict(model.named_modules())
    return graph, {
        str(node.target): _feature_map(node, modules)
        for node in graph.nodes
        if node.op == "call_module" and isinstance(modules[node.target], nn.Conv2d)
    }


def matrix_ranks(maps: Tensor) -> Tensor:
    """The ranks int64 [B, C] of feature maps float32 [B, C, h, w]."""
    matrices = maps.flatten(0, 1)
    # LAPACK decomposes a batch one by one, on one core.
    workers = torch.get_num_threads() if maps.device.type == "cpu" else 1
    most = max(1, ELEMENTS_AT_ONCE // (workers * maps[0, 0].numel()))
    parts = torch.split(matrices, min(most, math.ceil(len(matrices) / workers)))
    with ThreadPoolExecutor(workers) as pool:
        return torch.cat(list(pool.map(torch.linalg.matrix_rank, parts))).view(maps.shape[:2])


class Ranks(fx.Interpreter):
    """Runs a network and sums the ranks of its feature maps as they come."""

    def __init__(self, model: nn.Module, graph: fx.Graph, nodes: set[fx.Node]) -> None:
        super().__init__(model, graph=graph)
        self.nodes = nodes
        self.sums: dict[fx.Node, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Compute a node and, if it is a feature map, its ranks: int64 [C]."""
        value = super().run_node(n)
        if n in self.nodes:
            self.sums[n] = self.sums.get(n, 0) + matrix_ranks(value).sum(0).cpu()
        return value


def _feature_map(node: fx.Node, modules: Mapping[str, nn.Module]) -> fx.Node:
    while _operation(node, modules) not in ACTIVATIONS:
        users = list(node.users)
        if len(users) != 1 or _operation(users[0], modules) not in PASSED | ACTIVATIONS:
            return node
        node = users[0]
    users = list(node.users)
    pooled = len(users) == 1 and _operation(users[0], modules) == "maxpool2d"
    return users[0] if pooled and len(users[0].users) > 1 else node


def _operation(node: fx.Node, modules: Mapping[str, nn.Module]) -> str:
    """What a node does, the same for a module, a function and a method: ``relu``."""
    match node.op:
        case "call_module":
            name = type(modules[str(node.target)]).__name__
        case "call_function":
            name = node.target.__name__  # type: ignore[union-attr]
        case _:
            name = str(node.target)
    return name.lower().replace("_", "")
