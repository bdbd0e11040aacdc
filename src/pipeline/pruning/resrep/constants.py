"""What a channel that is gone would still give, as a part of the next bias.

A dead channel is zero behind its compactor, but a constant behind an activation with f(0) ≠ 0, or
behind a depthwise convolution with a batch norm. What takes it in adds that constant to its bias
before the channel is cut, as the authors do when they convert a MobileNet: so the cut is without
loss there, too.
"""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Dependant, Group
from pipeline.errors import PipelineError

# How far a constant may differ between places, by rounding.
TOLERANCE = 1e-4


@torch.no_grad()
def move_constants(
    model: nn.Module,
    groups: Sequence[Group],
    kept: Mapping[str, Sequence[int]],
    example_input: Tensor,
) -> None:
    """Add, in place, the constants of dead channels to the biases of the layers that take them in.

    Where all of them are zero, as behind a ReLU, nothing changes.

    Args:
        model: A network with folded compactors.
        groups: Its groups of convolutions.
        kept: Of each convolution with dead channels, the other ones.
        example_input: Images [B, 3, H, W]; only their shape and type count.

    Raises:
        PipelineError: what a dead channel gives is no constant, or the layer that takes it in has
            neither a bias nor a batch norm, or pads it with zeros.
    """
    norms = {name: norm for group in groups for name, norm in group.norms.items()}
    for consumer, places, taken in _taken_in(model, groups, kept, example_input):
        constants = taken.transpose(0, 1).flatten(1).double()
        constant = constants[:, 0]
        if not constant.any() and not constants.any():
            continue
        spread = (constants - constant[:, None]).abs().max()
        if not spread <= TOLERANCE * (1 + constant.abs().max()):
            raise PipelineError(
                f"{consumer.layer}: what vanishes in {consumer.source} is no constant there, so "
                "ResRep cannot cut it without loss"
            )
        _add(model, consumer, norms.get(consumer.layer), places, constant)


def _taken_in(
    model: nn.Module,
    groups: Sequence[Group],
    kept: Mapping[str, Sequence[int]],
    example_input: Tensor,
) -> list[tuple[Dependant, list[int], Tensor]]:
    """Each layer that takes in dead channels, at which places, and a tensor [B, places, …]."""
    silent = copy.deepcopy(model).eval()
    found: list[tuple[Dependant, list[int], Tensor]] = []
    for group in groups:
        for each in group.dependants if group.convolutions[0] in kept else ():
            dead = sorted(set(range(group.channels)).difference(kept[each.source]))
            places = [place for channel in dead for place in each.positions[channel]]
            layer = silent.get_submodule(each.layer)
            if each.dim == 0 and each.layer == each.source:
                for parameter in layer.parameters(recurse=False):
                    parameter[dead] = 0
            elif each.dim == 1 and places:

                def note(
                    layer: nn.Module,
                    inputs: tuple[Tensor, ...],
                    each: Dependant = each,
                    places: list[int] = places,
                ) -> None:
                    found.append((each, places, inputs[0][:, places]))

                layer.register_forward_pre_hook(note)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, *example_input.shape[1:], generator=generator)
    weight = next(silent.parameters())
    silent(images.to(device=weight.device, dtype=weight.dtype))
    return found


def _add(
    model: nn.Module, consumer: Dependant, norm: str | None, places: list[int], constant: Tensor
) -> None:
    """Add what a layer makes of constant inputs to its bias, or to the batch norm's behind it."""
    layer = model.get_submodule(consumer.layer)
    if not isinstance(layer, nn.Conv2d | nn.Linear):
        raise PipelineError(
            f"{consumer.layer}: ResRep cannot move what vanishes in {consumer.source} into the "
            f"bias of a {type(layer).__name__}"
        )
    if isinstance(layer, nn.Conv2d) and any(layer.padding) and layer.padding_mode == "zeros":
        raise PipelineError(
            f"{consumer.layer}: pads with zeros what is not zero where channels of "
            f"{consumer.source} vanish, so ResRep cannot cut them without loss"
        )
    weight = layer.weight[:, places].double()
    summand = (weight.flatten(2).sum(2) if weight.ndim > 2 else weight) @ constant
    if layer.bias is not None:
        layer.bias.copy_(layer.bias.double() + summand)
        return
    following = model.get_submodule(norm) if norm else None
    if not isinstance(following, nn.BatchNorm2d) or following.running_mean is None:
        raise PipelineError(
            f"{consumer.layer}: has no bias, and no batch norm behind it, for the constant of the "
            f"channels that vanish in {consumer.source}"
        )
    following.running_mean.sub_(summand.to(following.running_mean.dtype))
