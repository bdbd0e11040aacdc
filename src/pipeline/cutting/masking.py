"""The original of a cut: a network at full width in which what is cut has no say.

It is what the smaller network is compared with. Nothing here knows how a cut is made.
"""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pipeline.cutting.layers import IN, OUT, over_channels, takes_in_last
from pipeline.models.shared.padding import ChannelPad, adopt

# For layers and sides: the places that a cut removes.
Gone = Mapping[tuple[str, int], Sequence[int]]


def without(drawn: nn.Module, smaller: nn.Module, gone: Gone, givers: bool = False) -> nn.Module:
    """A copy whose layers take in zeros where something is gone, whatever comes there.

    Norms over channels are those of the smaller network, over the channels that stay; what is gone
    behind them is noise.

    Args:
        drawn: A network.
        smaller: The same after the cut.
        gone: What the cut removes.
        givers: Whether what is gone is given as zero, too.
    """
    original = copy.deepcopy(drawn)
    adopt(original, (name for name, _ in gone))
    layers = dict(original.named_modules())
    for (name, side), places in gone.items():
        layer = layers.get(name)
        if layer is None:
            if givers:  # a parameter outside the layers
                original.get_parameter(name).index_fill_(side, _index(places), 0)
        elif over_channels(layer):
            own = copy.deepcopy(smaller.get_submodule(name))
            original.set_submodule(name, _OverTheRest(layer, own, places, noise=not givers))
        elif side == IN or givers:
            _silence(layer, side, places)
    return original


def _silence(layer: nn.Module, side: int, places: Sequence[int]) -> None:
    """Make zero, in place, the parameters by which a layer takes in or gives some channels."""
    if isinstance(layer, ChannelPad):
        if side == OUT:
            layer.sources[_index(places)] = -1
        else:
            layer.sources[torch.isin(layer.sources, _index(places))] = -1
        return
    groups = getattr(layer, "groups", 1)
    swapped = getattr(layer, "transposed", False)
    if side == IN and groups > 1 and not swapped:
        assert isinstance(layer.weight, Tensor)
        for rows, number in zip(layer.weight.chunk(groups), range(groups), strict=True):
            width = rows.shape[1]
            own = [place - number * width for place in places if place // width == number]
            rows[:, own] = 0
        return
    for name, parameter in layer.named_parameters(recurse=False):
        axis = 1 - side if swapped and name == "weight" else side
        if parameter.ndim > axis and parameter.shape[axis] > max(places, default=0):
            parameter.index_fill_(axis, _index(places), 0)


class _OverTheRest(nn.Module):
    """A norm over the channels that stay, put back at full width."""

    def __init__(
        self, layer: nn.Module, smaller: nn.Module, gone: Sequence[int], *, noise: bool
    ) -> None:
        super().__init__()
        self.layer, self.smaller, self.gone, self.noise = layer, smaller, set(gone), noise

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps of any layout to those of the same."""
        axis = x.ndim - 1 if takes_in_last(self.layer, x) else 1
        stays = _index([each for each in range(x.shape[axis]) if each not in self.gone])
        given = torch.zeros_like(x)
        if self.noise:
            given = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(x)
        return given.index_copy(axis, stays, self.smaller(x.index_select(axis, stays)))


def _index(places: Sequence[int]) -> Tensor:
    return torch.tensor(list(places), dtype=torch.int64)
