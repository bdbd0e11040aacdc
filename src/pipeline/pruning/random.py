"""Random pruning (paper, Section 3.1): what a criterion has to beat."""

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Group

LABEL = "Random"


def scores(
    model: nn.Module, groups: Sequence[Group], *, images: Tensor | None = None, seed: int = 0
) -> dict[str, Tensor]:
    """A random permutation for each convolution, decided by the seed and the layer's name."""
    return {
        name: torch.randperm(group.channels, generator=_generator(seed, name)).double()
        for group in groups
        for name in group.convolutions
    }


def across_layers(
    model: nn.Module,
    groups: Sequence[Group],
    scores: Mapping[str, Tensor],
    *,
    images: Tensor | None = None,
) -> dict[str, Tensor]:
    """Ranks within each group, from 0 to 1: every group loses the same share."""
    result: dict[str, Tensor] = {}
    for group in groups:
        total = torch.stack([scores[name] for name in group.convolutions]).sum(0)
        ranks = total.argsort(stable=True).argsort().double()
        result |= dict.fromkeys(group.convolutions, (ranks + 0.5) / group.channels)
    return result


def _generator(seed: int, name: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
