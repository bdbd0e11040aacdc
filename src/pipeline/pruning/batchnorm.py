"""Batch Normalization pruning (paper, Eq. 3; Liu et al., Network Slimming, ICCV 2017).

A convolution with no batch norm behind it, as those of squeeze-and-excitation, has no say in a
group where others have one. Where none has, all scores are equal, so that the L1 norm decides: that
is said. Across layers (`scope: global`) such scores would mean nothing, and are refused.
"""

import logging
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.norms import norm_behind
from pipeline.errors import PipelineError

LABEL = "BN"

log = logging.getLogger(__name__)


def scores(
    model: nn.Module, groups: Sequence[Group], *, images: Tensor | None = None, seed: int = 0
) -> dict[str, Tensor]:
    """The absolute scale γ of the batch norm that follows each convolution.

    Raises:
        PipelineError: no batch norm directly follows any convolution, or one has no scale.
    """
    result: dict[str, Tensor] = {}
    plain: list[str] = []
    for group in groups:
        own = {
            name: _scale(model, group, name) for name in group.convolutions if name in group.norms
        }
        mean = torch.stack(list(own.values())).mean(0) if own else torch.zeros(group.channels)
        result |= dict.fromkeys(group.convolutions, mean) | own
        plain += [] if own else group.convolutions
    if plain and len(plain) == len(result):
        raise PipelineError(f"no batch norm follows {plain[0]}: batchnorm cannot score it")
    if plain:
        more = f" and {len(plain) - 3} more" if len(plain) > 3 else ""
        log.warning(
            "batchnorm: no batch norm follows %s%s, so that the L1 norm decides there",
            *(", ".join(plain[:3]), more),
        )
    return result


def across_layers(
    model: nn.Module,
    groups: Sequence[Group],
    scores: Mapping[str, Tensor],
    *,
    images: Tensor | None = None,
) -> dict[str, Tensor]:
    """The scales as they are: Network Slimming compares them across layers.

    Raises:
        PipelineError: no batch norm follows any convolution of a group.
    """
    for group in groups:
        if not group.norms:
            raise PipelineError(
                f"no batch norm follows {group.convolutions[0]}: in scope: global its channels "
                "have no scale that others could be compared with"
            )
    return dict(scores)


def _scale(model: nn.Module, group: Group, name: str) -> Tensor:
    return norm_behind(model, group, name, "batchnorm").weight.detach().double().abs()
