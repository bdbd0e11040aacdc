"""From the channels that stay to a smaller network."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.models import Description, load_resized


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
    state = smaller.state_dict()
    stays = _positions_that_stay(state, groups, kept)
    for key, tensor in state.items():
        layer = key.rpartition(".")[0]
        for dim in range(min(2, tensor.ndim)):
            if (layer, dim) in stays:
                index = stays[layer, dim].nonzero().flatten().to(tensor.device)
                state[key] = state[key].index_select(dim, index)
    load_resized(smaller, state)
    description = getattr(model, "description", None)
    if isinstance(description, Description):
        original = {name: _composed(description.kept.get(name), kept[name]) for name in kept}
        smaller.description = replace(description, kept={**description.kept, **original})  # type: ignore[assignment]
    return smaller


def _positions_that_stay(
    state: Mapping[str, Tensor], groups: Sequence[Group], kept: Mapping[str, Sequence[int]]
) -> dict[tuple[str, int], Tensor]:
    """For each layer and dimension that changes, bool: which indices stay."""
    stays: dict[tuple[str, int], Tensor] = {}
    for group in groups:
        for dependant in group.dependants:
            # Batch norms may have statistics and no weights.
            tensors = (
                state.get(f"{dependant.layer}.{name}") for name in ("weight", "running_mean")
            )
            tensor = next((each for each in tensors if each is not None), None)
            if tensor is None:  # it has nothing to cut
                continue
            place = dependant.layer, dependant.dim
            size = tensor.shape[dependant.dim]
            mask = stays.setdefault(place, torch.ones(size, dtype=torch.bool))
            for channel in set(range(group.channels)) - set(kept[dependant.source]):
                mask[list(dependant.positions[channel])] = False
    return stays


def _composed(earlier: Sequence[int] | None, now: Sequence[int]) -> tuple[int, ...]:
    return tuple(now) if earlier is None else tuple(earlier[index] for index in now)
