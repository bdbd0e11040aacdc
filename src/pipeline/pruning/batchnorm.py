"""Batch Normalization pruning (paper, Eq. 3; Liu et al., Network Slimming, ICCV 2017)."""

from collections.abc import Sequence

from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.norms import norm_behind

LABEL = "BN"
COMPARABLE = True  # as Network Slimming does


def scores(
    model: nn.Module, groups: Sequence[Group], *, images: Tensor | None = None, seed: int = 0
) -> dict[str, Tensor]:
    """The absolute scale γ of the batch norm that follows each convolution.

    Raises:
        PipelineError: no batch norm directly follows a convolution.
    """
    return {
        name: norm_behind(model, group, name, "batchnorm").weight.detach().double().abs()
        for group in groups
        for name in group.convolutions
    }
