"""From scores to the channels that stay.

select(model, groups, scores, 0.4)                               # a share of the channels
select(model, groups, scores, 0.5, options, cost)                # of what they cost
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.cutting.blocks import in_turn
from pipeline.cutting.coupling import Group
from pipeline.cutting.options import CutOptions
from pipeline.cutting.shares import Shares
from pipeline.errors import PipelineError

Kept = dict[str, tuple[int, ...]]
# What a network costs with these channels alone.
Cost = Callable[[Kept], int]


def select(
    model: nn.Module,
    groups: Sequence[Group],
    scores: Mapping[str, Tensor],
    sparsity: float,
    options: CutOptions | None = None,
    cost: Cost | None = None,
) -> Kept:
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
        sparsity: Fraction to remove, in [0, 1): of the channels of every group or, in global scope,
            of all groups together; or of what the network costs, and as little more as can be.
        options: How the channels that go are spread over the groups.
        cost: What the sparsity is a fraction of, unless the options' `target` is ``channels``.

    Raises:
        PipelineError: scores are missing, of the wrong shape, or no numbers; the options name a
            layer that is not there; or so much cannot go.
    """
    options = options or CutOptions()
    for group in groups:
        for name in group.convolutions:
            if name not in scores or scores[name].shape != (group.channels,):
                raise PipelineError(f"{name} needs {group.channels} scores")
            if not scores[name].isfinite().all():
                raise PipelineError(f"the scores of {name} are not all finite")
    ranking = _rank(model, groups, scores, options)
    shares = Shares(groups, ranking.scores, options)
    if options.target == "channels":
        return ranking.kept(shares.of_channels(sparsity))
    assert cost is not None
    budget = _budget(cost(ranking.kept([0] * len(groups))), sparsity)
    step = bisect_left(
        range(shares.steps), True, key=lambda step: cost(ranking.kept(shares.at(step))) <= budget
    )
    if step == shares.steps:
        least = cost(ranking.kept(shares.at(shares.steps - 1)))
        most = 1 - (1 - sparsity) * least / max(budget, 1e-12)
        raise PipelineError(
            f"target: {options.target}: at most {most:.1%} can be removed; lower the sparsity"
        )
    return ranking.kept(shares.at(step))


def _budget(before: int, sparsity: float) -> float:
    return before * (1 - sparsity) * (1 + 1e-12)


@dataclass(frozen=True)
class _Ranking:
    """The channels of each group, the first to go in front, and their scores [C]."""

    groups: Sequence[Group]
    ascending: Sequence[npt.NDArray[np.intp]]
    scores: Sequence[npt.NDArray[np.float64]]

    def kept(self, gone: Sequence[int]) -> Kept:
        """What stays of each convolution when so many channels of each group go."""
        return {
            name: tuple(sorted(order[number:].tolist()))
            for group, order, number in zip(self.groups, self.ascending, gone, strict=True)
            for name in group.convolutions
        }


def _rank(
    model: nn.Module, groups: Sequence[Group], scores: Mapping[str, Tensor], options: CutOptions
) -> _Ranking:
    ascending: list[npt.NDArray[np.intp]] = []
    values: list[npt.NDArray[np.float64]] = []
    for group in groups:
        score = _combined([scores[name] for name in group.convolutions], options.scope == "layer")
        norm = _combined([filter_norms(model, name) for name in group.convolutions])
        order = np.lexsort((np.arange(group.channels), norm, score))
        ascending.append(in_turn(order, group.blocks))
        values.append(score)
    return _Ranking(groups, ascending, values)


def filter_norms(model: nn.Module, convolution: str) -> Tensor:
    """The L1 norm of each filter of a convolution, float64 [C] (paper, Eq. 2)."""
    weight = model.get_parameter(f"{convolution}.weight").detach()
    return weight.double().abs().sum(dim=tuple(range(1, weight.ndim)))


def filters(model: nn.Module, convolution: str) -> Tensor:
    """The filters of a convolution as float64 [C, n]."""
    return model.get_parameter(f"{convolution}.weight").detach().double().flatten(1)


def _combined(vectors: Sequence[Tensor], rescale: bool = True) -> npt.NDArray[np.float64]:
    total = torch.zeros(len(vectors[0]), dtype=torch.float64)
    for vector in vectors:
        values = vector.detach().double().cpu()
        total += values / (values.abs().mean() or 1.0) if rescale else values
    return (total / len(vectors)).numpy()
