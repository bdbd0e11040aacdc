"""GFBS pruning, which the paper cites: what the scales and shifts of batch norms do to the loss.

Liu et al., Exploring Gradient Flow Based Saliency for DNN Model Compression, ACM Multimedia 2021.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.gradients import Images, gradients
from pipeline.cutting.norms import norm_behind

LABEL = "GFBS"
COMPARABLE = True  # as the authors do


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    *,
    images: Images = None,
    labels: Tensor | None = None,
    shift: float = 0.05,
    batch_size: int = 128,
) -> dict[str, Tensor]:
    """|γ|/‖γ‖₂ · |g|/‖g‖₂ + shift · β/‖β‖₂ of the batch norm that follows each convolution.

    γ and β are its scale and shift, g = ∂L/∂γ on one batch; each norm is over the layer's channels.
    The formula is that of the authors' code (CityU-AIM-Group/GFBS, gfbs_cifar.py, with its default
    weight 0.05 of the shift); they take the gradient with the batch's own statistics, here it is
    that of the network in evaluation mode.

    Raises:
        PipelineError: there are no labelled images, or no batch norm follows a convolution.
    """
    norms = {
        name: norm_behind(model, group, name, "gfbs")
        for group in groups
        for name in group.convolutions
    }
    for _ in gradients(model, "gfbs", images, labels, 1, batch_size):
        pass
    found = {}
    for name, norm in norms.items():
        assert norm.weight.grad is not None
        first = _unit(norm.weight).abs() * _unit(norm.weight.grad).abs()
        found[name] = first + shift * _unit(norm.bias)
    return found


def _unit(vector: Tensor) -> Tensor:
    """A vector of length 1, or of 0 where it is 0."""
    vector = vector.detach().double()
    return vector / (vector.norm() or 1.0)
