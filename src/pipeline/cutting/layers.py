"""Layers that have channels: which tensors and axes hold them, and how they are cut out.

IN, OUT     the two sides of a layer; what follows its inputs channel by channel has OUT only
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from pipeline.models.shared.padding import ChannelPad

OUT, IN = 0, 1

Convolution = nn.Conv2d | nn.ConvTranspose2d
NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, ChannelPad, *NORMS)


def is_layer(module: nn.Module) -> bool:
    """Whether a module is a layer whose channels can be cut."""
    return isinstance(module, LAYERS) or (
        isinstance(module, nn.PReLU) and module.num_parameters > 1
    )


def is_pruned(module: nn.Module, on_maps: bool) -> bool:
    """Whether a criterion chooses among a layer's channels: a convolution, or a linear layer that
    runs at every pixel of a map, which is a 1×1 convolution by another name.
    """
    if isinstance(module, nn.Linear):
        return on_maps
    return isinstance(module, nn.Conv2d) and not is_depthwise(module)


def is_depthwise(module: nn.Module) -> bool:
    """Whether a convolution has one input in each of its groups, and so follows its inputs."""
    return isinstance(module, Convolution) and module.groups == module.in_channels > 1


def is_followed(module: nn.Module) -> bool:
    """Whether the outputs of a layer are its inputs, one by one."""
    return is_depthwise(module) or not isinstance(
        module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | ChannelPad
    )


def takes_in_last(module: nn.Module, taken: Tensor) -> bool:
    """Whether a layer has its channels in the last dimension of what it takes in."""
    if isinstance(module, nn.LayerNorm):
        one = len(module.normalized_shape) == 1
        # Kinds of their own, such as torchvision's LayerNorm2d, take in [B, C, H, W].
        return one and type(module).forward is nn.LayerNorm.forward
    return isinstance(module, nn.Linear)


def over_channels(module: nn.Module) -> bool:
    """Whether a layer takes statistics over channels: over the kept ones once others are cut."""
    return isinstance(module, nn.GroupNorm | nn.LayerNorm)


def outputs(module: nn.Module) -> int:
    """How many outputs a layer has."""
    match module:
        case nn.Conv2d() | nn.ConvTranspose2d():
            return module.out_channels
        case nn.Linear():
            return module.out_features
        case ChannelPad():
            return len(module.sources)
        case nn.GroupNorm():
            return module.num_channels
        case nn.LayerNorm():
            return module.normalized_shape[0]
        case nn.PReLU():
            return module.num_parameters
    assert isinstance(module, _BatchNorm | _InstanceNorm)
    return module.num_features


def inputs(module: nn.Module) -> int:
    """How many inputs a layer has that does not merely follow them."""
    match module:
        case nn.Conv2d() | nn.ConvTranspose2d():
            return module.in_channels
        case nn.Linear():
            return module.in_features
    assert isinstance(module, ChannelPad)
    return module.channels


def blocks(module: nn.Module) -> int:
    """Of how many equal parts of its channels a layer must keep equally many."""
    if isinstance(module, nn.GroupNorm):
        return module.num_groups
    if isinstance(module, Convolution) and not is_depthwise(module):
        return module.groups
    return 1


def cut(module: nn.Module, key: str, tensor: Tensor, stays: Mapping[int, Tensor]) -> Tensor:
    """A tensor of a layer without the channels that go.

    Args:
        module: The layer before the cut.
        key: The tensor's name in it.
        tensor: The tensor.
        stays: For each side that changes, bool [C]: the channels that stay.
    """
    if isinstance(module, ChannelPad):
        return _cut_padding(tensor, stays)
    if isinstance(module, Convolution) and key == "weight" and not is_depthwise(module):
        return _cut_weight(module, tensor, stays)
    for side, mask in stays.items():
        if tensor.ndim > side and tensor.shape[side] == len(mask):
            tensor = tensor.index_select(side, _places(mask, tensor))
    return tensor


def _cut_weight(module: Convolution, weight: Tensor, stays: Mapping[int, Tensor]) -> Tensor:
    """A convolution's weight, group by group: each has its own inputs and outputs."""
    first = IN if module.transposed else OUT
    parts = []
    for group, part in enumerate(weight.chunk(module.groups)):
        for side, mask in stays.items():
            axis = 0 if side == first else 1
            own = mask.chunk(module.groups)[group]
            part = part.index_select(axis, _places(own, part))
        parts.append(part)
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _cut_padding(sources: Tensor, stays: Mapping[int, Tensor]) -> Tensor:
    if OUT in stays:
        sources = sources.index_select(0, _places(stays[OUT], sources))
    if IN in stays:
        mask = stays[IN].to(sources.device)
        number = torch.where(mask, mask.cumsum(0) - 1, -1)
        sources = torch.where(sources < 0, sources, number[sources.clamp(min=0)])
    return sources


def _places(mask: Tensor, tensor: Tensor) -> Tensor:
    return mask.nonzero().flatten().to(tensor.device)
