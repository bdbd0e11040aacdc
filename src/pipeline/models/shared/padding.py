"""Channels of zeros beside those of a feature map, as in shortcuts without weights.

He et al., Deep Residual Learning for Image Recognition, CVPR 2016, Section 4.2, option A.

`ChannelPad` is a layer whose places can be cut. Where a network calls `F.pad` instead, `adopt` puts
such a layer in the call's place, so that a pruned network pads other channels than its code says.
"""

import inspect
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

# The name of a layer that stands for a call: its number, inputs, zeros before and after them.
NAME = re.compile(r"(?:(.*)\.)?channel_pad_(\d+)_(\d+)_(\d+)_(\d+)")


class ChannelPad(nn.Module):
    """Puts each channel of a feature map at a place among channels of zeros.

    Attributes:
        channels: How many input channels it was made for.
        sources: Int64 [C]: the input channel that each output channel shows; -1 for zeros.
    """

    sources: Tensor

    def __init__(self, channels: int, before: int, after: int) -> None:
        super().__init__()
        self.channels = channels
        places = [torch.full((before,), -1), torch.arange(channels), torch.full((after,), -1)]
        self.register_buffer("sources", torch.cat(places))

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps [B, inputs, H, W] to [B, C, H, W]."""
        zeros = x.new_zeros(x.shape[0], 1, *x.shape[2:])
        return torch.cat([zeros, x], 1).index_select(1, self.sources + 1)


def name_of_call(owner: str, number: int, channels: int, before: int, after: int) -> str:
    """The name of the layer that stands for a call of `F.pad` in a module."""
    return f"{owner}.channel_pad_{number}_{channels}_{before}_{after}".lstrip(".")


def adopt(model: nn.Module, names: Iterable[str]) -> None:
    """Put layers, in place, where a network calls `F.pad`: those whose names stand for calls."""
    present = dict(model.named_modules())
    for name in sorted(set(names)):
        match = NAME.fullmatch(name)
        if match and name not in present:
            owner = model.get_submodule(match[1] or "")
            pad = ChannelPad(*map(int, match.groups()[2:]))
            like = next(model.parameters(), torch.zeros(()))
            owner.add_module(name.rpartition(".")[2], pad.to(like.device))
            if not isinstance(owner, _Owner):
                owner.__class__ = _owning(type(owner))  # type: ignore[arg-type]


class _Owner(nn.Module):
    """A module whose calls of `F.pad` along the channels are those of its layers."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes, with its layers in the place of the calls."""
        with _Calls(self):
            return super().forward(*args, **kwargs)


@cache
def _owning(kind: type) -> type:
    return type(kind.__name__, (_Owner, kind), {"__module__": kind.__module__})


class _Calls(TorchFunctionMode):
    """The calls of `F.pad` in one forward pass of a module, in their order."""

    def __init__(self, owner: nn.Module) -> None:
        super().__init__()
        found = {
            int(match[2]): layer
            for name, layer in owner.named_children()
            if (match := NAME.fullmatch(name))
        }
        self.layers = [found[number] for number in sorted(found)]
        self.number = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func is F.pad:
            given = inspect.signature(F.pad).bind(*args, **(kwargs or {})).arguments
            if any(given["pad"][4:]):
                self.number += 1
                return self.layers[self.number - 1](given["input"])
        return func(*args, **(kwargs or {}))
