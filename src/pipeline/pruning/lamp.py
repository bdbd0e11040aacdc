"""LAMP pruning (Lee et al., Layer-Adaptive Sparsity for the Magnitude-Based Pruning, ICLR 2021)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.selection import filters

LABEL = "LAMP"
COMPARABLE = True  # that is its purpose
NEEDS_GLOBAL = ("lamp",)


def scores(model: nn.Module, groups: Sequence[Group]) -> dict[str, Tensor]:
    """‖F_u‖² / Σ_{v ≥ u} ‖F_v‖², the filters F of a layer being sorted by rising norm.

    The paper scores single weights; here a channel's filter stands for a weight. Within a layer the
    order is that of the norms, so only `scope: global` makes a criterion of it.
    """
    return {name: _lamp(filters(model, name)) for group in groups for name in group.convolutions}


def _lamp(rows: Tensor) -> Tensor:
    squares, order = rows.square().sum(1).sort(stable=True)
    rest = squares.flip(0).cumsum(0).flip(0).clamp(min=1e-300)
    found = torch.empty_like(squares)
    found[order] = squares / rest
    return found
