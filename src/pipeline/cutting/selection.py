"""From scores to the channels that stay."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.cutting.blocks import in_turn
from pipeline.cutting.coupling import Group
from pipeline.cutting.global_scope import removed_below_one_threshold
from pipeline.errors import PipelineError

SCOPES = ("layer", "global")


def pruned_channels(channels: int, sparsity: float) -> int:
    """How many of a convolution's output channels a sparsity in [0, 1) removes (paper, Eq. 1).

    Rounding down is what gives the parameter counts of the paper's Table 1.
    """
    return math.floor(channels * sparsity + 1e-9)


def select(
    model: nn.Module,
    groups: Sequence[Group],
    scores: Mapping[str, Tensor],
    sparsity: float,
    scope: str = "layer",
) -> dict[str, tuple[int, ...]]:
    """The channels that each convolution keeps, in ascending order.

    Within a layer, each group keeps its channels of highest score. The scores of its convolutions
    are divided by their mean, since layers differ in scale, and averaged. Equal scores are told
    apart by the filters' L1 norm, treated alike, then by the channel's index.

    In global scope one threshold holds for the whole network, as in Network Slimming (Liu et al.,
    ICCV 2017): the channels of lowest score go, wherever they are, but a tenth of each group stays.
    Scores are then averaged as they are, and must mean the same in all layers.

    Where equally many channels must stay in each of several parts (`Group.blocks`), each part loses
    its channels of lowest score, and the group as many as that allows, at most what is asked.

    Args:
        model: The network that is to be pruned.
        groups: Its groups of convolutions.
        scores: A tensor [C] for each convolution; higher means keep.
        sparsity: Fraction of channels to remove, in [0, 1).
        scope: ``layer``: that fraction of every group; ``global``: of all groups together.

    Raises:
        PipelineError: scores are missing, of the wrong shape, or no numbers; the scope is not
            known; or so many channels cannot go in global scope.
    """
    if scope not in SCOPES:
        raise PipelineError(f"unknown scope {scope!r}; known: {', '.join(SCOPES)}")
    for group in groups:
        for name in group.convolutions:
            if name not in scores or scores[name].shape != (group.channels,):
                raise PipelineError(f"{name} needs {group.channels} scores")
            if not scores[name].isfinite().all():
                raise PipelineError(f"the scores of {name} are not all finite")
    # Channels of each group, the first to go in front.
    ascending: list[npt.NDArray[np.intp]] = []
    values: list[npt.NDArray[np.float64]] = []
    for group in groups:
        score = _combined([scores[name] for name in group.convolutions], scope == "layer")
        norm = _combined([filter_norms(model, name) for name in group.convolutions])
        order = np.lexsort((np.arange(group.channels), norm, score))
        ascending.append(in_turn(order, group.blocks))
        values.append(score)
    if scope == "layer":
        gone = [pruned_channels(group.channels, sparsity) for group in groups]
    else:
        total = pruned_channels(sum(map(len, values)), sparsity)
        gone = removed_below_one_threshold(values, total)
    gone = [n - n % group.blocks for n, group in zip(gone, groups, strict=True)]
    return {
        name: tuple(sorted(order[number:].tolist()))
        for group, order, number in zip(groups, ascending, gone, strict=True)
        for name in group.convolutions
    }


def filter_norms(model: nn.Module, convolution: str) -> Tensor:
    """The L1 norm of each filter of a convolution, float64 [C] (paper, Eq. 2)."""
    weight = model.get_parameter(f"{convolution}.weight").detach()
    return weight.double().abs().flatten(1).sum(dim=1)


def _combined(vectors: Sequence[Tensor], rescale: bool = True) -> npt.NDArray[np.float64]:
    total = torch.zeros(len(vectors[0]), dtype=torch.float64)
    for vector in vectors:
        values = vector.detach().double().cpu()
        total += values / (values.abs().mean() or 1.0) if rescale else values
    return (total / len(vectors)).numpy()
