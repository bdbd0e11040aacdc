"""L1 pruning (paper, Eq. 2; Li et al., Pruning Filters for Efficient ConvNets, ICLR 2017)."""

from collections.abc import Sequence

from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.selection import filter_norms

LABEL = "L1"


def scores(
    model: nn.Module, groups: Sequence[Group], *, images: Tensor | None = None, seed: int = 0
) -> dict[str, Tensor]:
    """The sum of the absolute weights of each filter."""
    return {name: filter_norms(model, name) for group in groups for name in group.convolutions}
