"""Batch Normalization pruning (paper, Eq. 3; Liu et al., Network Slimming, ICCV 2017)."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.errors import PipelineError

LABEL = "BN"


def scores(
    model: nn.Module, groups: Sequence[Group], *, images: Tensor | None = None, seed: int = 0
) -> dict[str, Tensor]:
    """The absolute scale γ of the batch norm that follows each convolution.

    Raises:
        PipelineError: no batch norm directly follows a convolution.
    """
    result = {}
    for group in groups:
        for name in group.convolutions:
            if name not in group.norms:
                raise PipelineError(f"no batch norm follows {name}: batchnorm cannot score it")
            gamma = model.get_parameter(f"{group.norms[name]}.weight").detach()
            result[name] = gamma.double().abs()
    return result


def across_layers(
    model: nn.Module,
    groups: Sequence[Group],
    scores: Mapping[str, Tensor],
    *,
    images: Tensor | None = None,
) -> dict[str, Tensor]:
    """The scales as they are: Network Slimming compares them across layers."""
    return dict(scores)
