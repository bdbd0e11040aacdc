"""From scores to the channels that stay."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.errors import PipelineError
from pipeline.pruning.coupling import Group


def pruned_channels(channels: int, sparsity: float) -> int:
    """How many of a convolution's output channels a sparsity in [0, 1) removes (paper, Eq. 1).

    Rounding down is what gives the parameter counts of the paper's Table 1.
    """
    return math.floor(channels * sparsity + 1e-9)


def select(
    model: nn.Module, groups: Sequence[Group], scores: Mapping[str, Tensor], sparsity: float
) -> dict[str, tuple[int, ...]]:
    """The channels that each convolution keeps, in ascending order.

    Each group keeps the channels of highest score. The scores of its convolutions are divided by
    their mean, since layers differ in scale, and averaged. Equal scores are told apart by the
    filters' L1 norm, treated alike, then by the channel's index.

    Args:
        model: The network that is to be pruned.
        groups: Its groups of convolutions.
        scores: A tensor [C] for each convolution; higher means keep.
        sparsity: Fraction of channels to remove, in [0, 1).

    Raises:
        PipelineError: scores are missing, of the wrong shape, or no numbers.
    """
    kept: dict[str, tuple[int, ...]] = {}
    for group in groups:
        for name in group.convolutions:
            if name not in scores or scores[name].shape != (group.channels,):
                raise PipelineError(f"{name} needs {group.channels} scores")
            if not scores[name].isfinite().all():
                raise PipelineError(f"the scores of {name} are not all finite")
        score = _combined([scores[name] for name in group.convolutions])
        norm = _combined([filter_norms(model, name) for name in group.convolutions])
        ascending = np.lexsort((np.arange(group.channels), norm, score))
        stay = ascending[pruned_channels(group.channels, sparsity) :]
        kept |= dict.fromkeys(group.convolutions, tuple(sorted(stay.tolist())))
    return kept


def filter_norms(model: nn.Module, convolution: str) -> Tensor:
    """The L1 norm of each filter of a convolution, float64 [C] (paper, Eq. 2)."""
    weight = model.get_parameter(f"{convolution}.weight").detach()
    return weight.double().abs().sum(dim=(1, 2, 3))


def _combined(vectors: Sequence[Tensor]) -> npt.NDArray[np.float64]:
    total = torch.zeros(len(vectors[0]), dtype=torch.float64)
    for vector in vectors:
        values = vector.detach().double().cpu()
        total += values / (values.abs().mean() or 1.0)
    return (total / len(vectors)).numpy()
