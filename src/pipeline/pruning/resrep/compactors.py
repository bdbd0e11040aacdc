"""Compactors, the layers by which ResRep prunes (Ding et al., ResRep: Lossless CNN Pruning via
Decoupling Remembering and Forgetting, ICCV 2021).

A compactor is a 1×1 convolution behind a batch norm, at first the identity. Training pushes some of
its rows to zero. When convolution, batch norm and compactor have been folded into one convolution,
the channels of those rows can be cut:

    compactors = insert(model, groups)      # train, with edit_gradient at each step
    fold(model, groups, compactors)
    cut_folded(model, groups, gone, images)
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from pipeline.cutting.check import check_rows
from pipeline.cutting.coupling import Group
from pipeline.cutting.surgery import cut_channels
from pipeline.errors import PipelineError
from pipeline.models import Description, fold_away
from pipeline.pruning.resrep.constants import move_constants

Compactors = dict[str, nn.Conv2d]
# For each convolution bool [C]: which rows of its compactor are chosen.
Rows = dict[str, Tensor]


def insert(model: nn.Module, groups: Sequence[Group]) -> Compactors:
    """Put a compactor, in place, behind each convolution whose channels are coupled to no other's.

    Where equally many channels must stay in several parts, as in convolutions with groups, rows
    could not vanish freely: there is none.

    Returns:
        The compactor of each convolution that has one.

    Raises:
        PipelineError: there is no such convolution with a batch norm, or one of both computes
            something else than its weights say.
    """
    compactors: Compactors = {}
    for group in groups:
        (convolution, *others) = group.convolutions
        if not others and convolution in group.norms and group.blocks == 1:
            norm = model.get_submodule(group.norms[convolution])
            _refuse_own_kinds(model, convolution, group.norms[convolution])
            compactor = nn.Conv2d(group.channels, group.channels, 1, bias=False)
            nn.init.dirac_(compactor.weight)
            compactor.to(model.get_parameter(f"{convolution}.weight"))
            model.set_submodule(group.norms[convolution], nn.Sequential(norm, compactor))
            compactors[convolution] = compactor
    if not compactors:
        raise PipelineError("no convolution outside residual sums is followed by a batch norm")
    return compactors


@torch.no_grad()
def fold(model: nn.Module, groups: Sequence[Group], compactors: Compactors) -> None:
    """Make one convolution, in place, of each convolution, batch norm and compactor.

    With γ, β, μ, σ², ε of the batch norm and Q of the compactor, the kernel K and bias b become
    Q·(Kγ/√(σ²+ε)) and Q·(β + (b − μ)γ/√(σ²+ε)).
    """
    norms = {
        group.convolutions[0]: group.norms[group.convolutions[0]]
        for group in groups
        if group.convolutions[0] in compactors
    }
    for convolution, norm in norms.items():
        scale, shift = _affine(model.get_submodule(f"{norm}.0"))
        fold_away(model, convolution, norm)
        weight = model.get_parameter(f"{convolution}.weight")
        bias = model.get_parameter(f"{convolution}.bias")
        rows = compactors[convolution].weight.double().flatten(1)
        weight.copy_(torch.tensordot(rows * scale, weight.double(), 1))
        bias.copy_(rows @ (bias.double() * scale + shift))
    description = getattr(model, "description", None)
    if isinstance(description, Description):
        folded = {**description.folded, **norms}
        model.description = replace(description, folded=folded)  # type: ignore[assignment]


def cut_folded(
    model: nn.Module, groups: Sequence[Group], gone: Rows, example_input: Tensor
) -> tuple[nn.Module, dict[str, tuple[int, ...]]]:
    """A folded network without the channels of some rows, and the channels that it keeps.

    Args:
        model: The network; constants of the dead channels are moved into its biases, in place.
        groups: Its groups of convolutions.
        gone: Bool [C] for each convolution that had a compactor.
        example_input: Images [B, 3, H, W], to see what dead channels give.

    Raises:
        PipelineError: what dead channels give cannot be moved.
    """
    kept = {name: tuple((~rows).nonzero().flatten().tolist()) for name, rows in gone.items()}
    owners = [group for group in groups if group.convolutions[0] in kept]
    move_constants(model, groups, kept, example_input)
    smaller = cut_channels(model, owners, kept)
    check_rows(model, smaller, owners, kept)
    return smaller, kept


@torch.no_grad()
def edit_gradient(
    compactor: nn.Conv2d,
    masked: Tensor,
    *,
    lasso: float,
    lasso_masked: float,
    lr: float | Tensor,
) -> None:
    """Replace a compactor's gradient by ResRep's (paper, Eq. 4).

    Masked rows lose the gradient of the task. Every row gets a gradient that shortens it by a
    constant length, at most to zero.

    Args:
        compactor: After the backward pass.
        masked: Bool [C], which rows are to vanish; on the compactor's device.
        lasso: The weight λ of the shortening, for rows that are not masked.
        lasso_masked: The same for masked rows.
        lr: The learning rate of the coming step.
    """
    weight, gradient = compactor.weight, compactor.weight.grad
    assert gradient is not None
    masked = masked[:, None, None, None]
    pull = torch.where(masked, lasso_masked, lasso)
    norm = weight.flatten(1).norm(dim=1)[:, None, None, None]
    gradient.masked_fill_(masked, 0.0)
    gradient.add_(weight * pull / torch.maximum(norm, lr * pull).clamp_(min=1e-12))


def _affine(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """The factor and the summand, float64 [C], that a batch norm applies in evaluation mode."""
    assert isinstance(norm, nn.BatchNorm2d)
    mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    plain = torch.ones_like(mean), torch.zeros_like(mean)
    weight, bias = (norm.weight, norm.bias) if norm.affine else plain
    scale = weight.double() / (variance.double() + norm.eps).sqrt()
    return scale, bias.double() - mean.double() * scale


def _refuse_own_kinds(model: nn.Module, convolution: str, norm: str) -> None:
    """Raise PipelineError where folding would miss what a layer computes beside its weights."""
    for name, kind in ((convolution, nn.Conv2d), (norm, nn.BatchNorm2d)):
        layer = model.get_submodule(name)
        methods = ("forward", "_conv_forward") if kind is nn.Conv2d else ("forward",)
        same = all(getattr(type(layer), each) is getattr(kind, each) for each in methods)
        if not same or (kind is nn.BatchNorm2d and layer.running_mean is None):
            raise PipelineError(
                f"{name}: resrep cannot fold a {type(layer).__name__}, which computes something "
                f"else than a {kind.__name__}"
            )
