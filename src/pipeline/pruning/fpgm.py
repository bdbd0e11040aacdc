"""FPGM pruning: the filters that others can best replace go.

He et al., Filter Pruning via Geometric Median for Deep Convolutional Neural Networks Acceleration,
CVPR 2019.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.selection import filters

LABEL = "FPGM"


def scores(model: nn.Module, groups: Sequence[Group]) -> dict[str, Tensor]:
    """Σ_k ‖F_j − F_k‖₂: how far filter j is from all filters of its layer.

    The filters nearest to the geometric median are those that the others can best replace.
    """
    return {
        name: _distances(filters(model, name)).sum(1)
        for group in groups
        for name in group.convolutions
    }


def _distances(rows: Tensor) -> Tensor:
    # By a product of matrices, distances of near filters would lose their digits.
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
