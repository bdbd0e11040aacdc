"""Calling a criterion: what it is shown, and what it gives.

found = channel_scores(model, groups, "l1", Shown(example_input=images[:1]))
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.global_scope import divided_by_means
from pipeline.engine.batches import TrainingImages
from pipeline.registry import PRUNERS


@dataclass(frozen=True)
class Shown:
    """What a criterion may look at, beside the network.

    Attributes:
        example_input: Images [B, 3, H, W], to trace the network with.
        images: Training images, float32 [N, 3, H, W], or what gives such for a slice.
        labels: Their labels, int64 [N].
        seed: For criteria that draw at random.
    """

    example_input: Tensor
    images: Tensor | TrainingImages | None = None
    labels: Tensor | None = None
    seed: int = 0


def channel_scores(
    model: nn.Module,
    groups: Sequence[Group],
    pruner: str,
    shown: Shown,
    options: Mapping[str, Any] = MappingProxyType({}),
    *,
    scope: str = "layer",
) -> dict[str, Tensor]:
    """How much each output channel of each convolution matters; higher means keep.

    Args:
        model: A CNN; left as it is.
        groups: Its groups of convolutions.
        pruner: Name of a criterion.
        shown: What it may look at; it gets what its function asks for.
        options: The criterion's own.
        scope: In ``global`` the scores of different layers mean the same: as they are if the
            criterion says ``COMPARABLE = True``, else by its function `across_layers`, else by the
            layers' means.
    """
    module = PRUNERS.load(pruner)
    wanted = signature(module.scores).parameters
    given = {name: value for name, value in vars(shown).items() if name in wanted}
    found: dict[str, Tensor] = module.scores(_copy(model), groups, **given, **options)
    if scope == "global" and not getattr(module, "COMPARABLE", False):
        if not hasattr(module, "across_layers"):
            return divided_by_means(found)
        found = module.across_layers(_copy(model), groups, found, images=shown.images)
    return found


def _copy(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).eval()
