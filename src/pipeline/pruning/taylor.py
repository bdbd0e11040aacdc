"""Taylor pruning: the channels whose removal changes the loss least go.

Molchanov et al., Importance Estimation for Neural Network Pruning, CVPR 2019.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.gradients import Images, gradients
from pipeline.cutting.norms import norm_behind

LABEL = "Taylor"
COMPARABLE = True  # as the paper does


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    *,
    images: Images = None,
    labels: Tensor | None = None,
    of: Literal["filter", "scale"] = "filter",
    batches: int = 5,
    batch_size: int = 128,
) -> dict[str, Tensor]:
    """The squared first-order change of the loss L without a channel, averaged over batches.

    ``filter``: (Σ w·∂L/∂w)² over the weights w of the filter. ``scale``: (γ·∂L/∂γ)² of the scale of
    the batch norm that follows.

    Raises:
        PipelineError: there are no labelled images, or no batch norm follows a convolution.
    """
    weights = {
        name: model.get_parameter(f"{name}.weight")
        if of == "filter"
        else norm_behind(model, group, name, "taylor").weight
        for group in groups
        for name in group.convolutions
    }
    found: dict[str, list[Tensor]] = {name: [] for name in weights}
    for _ in gradients(model, "taylor", images, labels, batches, batch_size):
        for name, weight in weights.items():
            assert weight.grad is not None
            change = (weight.detach() * weight.grad).double().reshape(len(weight), -1).sum(1)
            found[name].append(change**2)
    return {name: torch.stack(each).mean(0) for name, each in found.items()}
