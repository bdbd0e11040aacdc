"""From the channels that stay to a smaller network."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.layers import OUT, cut, inputs, is_layer, outputs
from pipeline.models import Description, load_resized
from pipeline.models.shared.padding import adopt


def cut_channels(
    model: nn.Module, groups: Sequence[Group], kept: Mapping[str, Sequence[int]]
) -> nn.Module:
    """A smaller copy of a network; the network itself is left as it is.

    Args:
        model: A network.
        groups: Its groups of convolutions.
        kept: The channels that each convolution of the groups keeps.
    """
    smaller = copy.deepcopy(model)
    adopt(smaller, (each.layer for group in groups for each in group.dependants))
    state = smaller.state_dict()
    layers = dict(smaller.named_modules())
    for name, sides in _channels_that_stay(smaller, groups, kept).items():
        if name in layers:
            for key in layers[name].state_dict():
                state[f"{name}.{key}"] = cut(layers[name], key, state[f"{name}.{key}"], sides)
        else:  # a parameter outside the layers
            for dim, mask in sides.items():
                index = mask.nonzero().flatten().to(state[name].device)
                state[name] = state[name].index_select(dim, index)
    load_resized(smaller, state)
    description = getattr(model, "description", None)
    if isinstance(description, Description):
        original = {name: _composed(description.kept.get(name), kept[name]) for name in kept}
        smaller.description = replace(description, kept={**description.kept, **original})  # type: ignore[assignment]
    return smaller


def _channels_that_stay(
    model: nn.Module, groups: Sequence[Group], kept: Mapping[str, Sequence[int]]
) -> dict[str, dict[int, Tensor]]:
    """For each layer and side that changes, bool: which channels stay."""
    layers = dict(model.named_modules())
    stays: dict[str, dict[int, Tensor]] = {}
    for group in groups:
        for each in group.dependants:
            gone = set(range(group.channels)).difference(kept[each.source])
            layer = layers.get(each.layer)
            if layer is not None and not is_layer(layer):
                continue  # a batch norm that its convolution has absorbed
            if layer is None:
                width = model.get_parameter(each.layer).shape[each.dim]
            else:
                width = outputs(layer) if each.dim == OUT else inputs(layer)
            mask = stays.setdefault(each.layer, {}).setdefault(
                each.dim, torch.ones(width, dtype=torch.bool)
            )
            mask[[place for channel in gone for place in each.positions[channel]]] = False
    return stays


def _composed(earlier: Sequence[int] | None, now: Sequence[int]) -> tuple[int, ...]:
    return tuple(now) if earlier is None else tuple(earlier[index] for index in now)
