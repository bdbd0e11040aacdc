"""HRank pruning (paper, Section 3.1; Lin et al., HRank: Filter Pruning using High-Rank Feature Map,
CVPR 2020).

The rank is that of the map after the activation, as in the authors' code: what a convolution
itself puts out nearly always has full rank. See `pipeline.cutting.feature_maps` for how it is
found.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, fx, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.feature_maps import FeatureMaps, find_feature_maps
from pipeline.errors import PipelineError

LABEL = "HRank"

log = logging.getLogger(__name__)

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
        PipelineError: there are no images, the network cannot be traced, or a convolution has no
            feature map in the trace.
    """
    if images is None or len(images) == 0:
        raise PipelineError("hrank needs training images")
    images = images[: batches * batch_size]
    found = _feature_maps(model)
    names = [name for group in groups for name in group.convolutions]
    if missing := [name for name in names if name not in found.nodes]:
        raise PipelineError(f"hrank: {missing[0]} runs, but not as a layer: it has no feature map")
    ranks = Ranks(model, found)
    device = next(model.parameters()).device
    # TF32 would add noise to the small singular values.
    precise = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with torch.no_grad(), torch.autocast(device.type, enabled=False), precise:
        for batch in torch.split(images, batch_size):
            ranks.run(batch.to(device).float())
    result: dict[str, Tensor] = {}
    for group in groups:
        sums = [ranks.sums[place] for place in {ranks.places[name] for name in group.convolutions}]
        mean = torch.stack(sums).sum(0).double() / (len(sums) * len(images))
        result |= dict.fromkeys(group.convolutions, mean)
    _warn("no activation was found behind", [name for name in names if name in found.plain])
    _warn("equal ranks, so that the L1 norm decides, in", [n for n in names if _equal(result[n])])
    return result


def across_layers(
    model: nn.Module,
    groups: Sequence[Group],
    scores: Mapping[str, Tensor],
    *,
    images: Tensor | None = None,
) -> dict[str, Tensor]:
    """Each rank as a share of the largest that its map can have."""
    assert images is not None
    found = _feature_maps(model)
    ranks = Ranks(model, found)
    with torch.no_grad():
        ranks.run(images[:1].to(next(model.parameters()).device).float())
    return {name: each / ranks.largest[ranks.places[name]] for name, each in scores.items()}


def _feature_maps(model: nn.Module) -> FeatureMaps:
    try:
        return find_feature_maps(model)
    except PipelineError as error:
        raise PipelineError(f"hrank {error}") from None


def _equal(scores: Tensor) -> bool:
    return len(scores) > 1 and bool((scores == scores[0]).all())


def _warn(what: str, names: Sequence[str]) -> None:
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        log.warning("hrank: %s %s%s", what, ", ".join(names[:3]), more)


def matrix_ranks(maps: Tensor) -> Tensor:
    """The ranks int64 [B, C] of feature maps float32 [B, C, h, w]."""
    matrices = maps.flatten(0, 1)
    # LAPACK decomposes a batch one by one, on one core.
    workers = torch.get_num_threads() if maps.device.type == "cpu" else 1
    most = max(1, ELEMENTS_AT_ONCE // (workers * maps[0, 0].numel()))
    parts = torch.split(matrices, min(most, math.ceil(len(matrices) / workers)))
    with ThreadPoolExecutor(workers) as pool:
        return torch.cat(list(pool.map(torch.linalg.matrix_rank, parts))).view(maps.shape[:2])


# A node, and where its value concatenates others first, the node that does and which part counts.
Place = tuple[fx.Node, tuple[fx.Node, int] | tuple[()]]


class Ranks(fx.Interpreter):
    """Runs a network and sums the ranks of its feature maps as they come."""

    def __init__(self, model: nn.Module, found: FeatureMaps) -> None:
        super().__init__(model, graph=found.graph)
        self.places: dict[str, Place] = {
            name: (node, found.parts.get(name, ())) for name, node in found.nodes.items()
        }
        self.shown: dict[fx.Node, list[Place]] = {}
        for place in dict.fromkeys(self.places.values()):
            self.shown.setdefault(place[0], []).append(place)
        self.concatenated = {part[0] for _, part in self.places.values() if part}
        self.widths: dict[fx.Node, list[int]] = {}
        self.sums: dict[Place, Tensor] = {}
        self.largest: dict[Place, int] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Compute a node and, if it is a feature map, its ranks: int64 [C]."""
        if n in self.concatenated:
            maps = self.fetch_args_kwargs_from_env(n)[0][0]
            self.widths[n] = [each.shape[1] for each in maps]
        value = super().run_node(n)
        for place in self.shown.get(n, []):
            own = self._part(value, place)
            self.largest[place] = min(own.shape[-2:])
            self.sums[place] = self.sums.get(place, 0) + matrix_ranks(own).sum(0).cpu()
        return value

    def _part(self, value: Tensor, place: Place) -> Tensor:
        if not place[1]:
            return value
        node, number = place[1]
        start = sum(self.widths[node][:number])
        return value[:, start : start + self.widths[node][number]]
