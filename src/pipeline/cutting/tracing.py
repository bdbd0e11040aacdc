"""Where each channel of a network goes: one pass in which every element carries a label.

A label stands for a place: an input or an output channel of a layer, or an element of a parameter
outside the layers. What moves elements about, such as a view, a slice or a concatenation, is done
to the labels, too; where an operation takes in several tensors, the places that meet belong
together:

    trace = Trace(model, images)
    trace.places["layer1.0.conv2", OUT]     # int64 [C]: what goes together shares a number
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from pipeline.cutting.labels import (
    MOVES,
    NOTHING,
    PRODUCTS,
    REDUCED,
    alike,
    are_elementwise,
    corner,
    groups_of,
    known,
    numbered,
    tensors_in,
)
from pipeline.cutting.layers import IN, OUT, is_followed, is_layer, outputs, takes_in_last
from pipeline.errors import PipelineError, first_line
from pipeline.models.shared.padding import ChannelPad, name_of_call


class Trace:
    """A forward pass of a copy of a network, in evaluation mode.

    Attributes:
        layers: The modules that ran, by name, in their order.
        places: For the inputs and the outputs of each layer, and for the axes of parameters outside
            the layers, which group of places each index belongs to: int64 [C].
        norms: The batch norm that alone takes in what a layer gives.
        maps: The layers that run at every pixel of a map.
        outputs: The numbers of the groups of places that the network's outputs show.
        parts: What is split into equal parts: a name, the groups of places and how many parts.
        lost: The groups of places that an operation takes in which nothing is known of, and its
            name.
    """

    def __init__(self, model: nn.Module, example_input: Tensor) -> None:
        model = copy.deepcopy(model).cpu().float().eval().requires_grad_(False)
        names = {module: name for name, module in model.named_modules()}
        labels = _Labels(model, names)
        with labels.following():
            try:
                output = model(example_input.cpu().float())
            except Exception as error:  # a network of one's own may raise anything
                where = labels.inside[-1] if labels.inside else type(model).__name__
                raise PipelineError(
                    f"{where or type(model).__name__}: which channels belong together cannot be "
                    f"traced: {first_line(error)}"
                ) from None
        self.layers, self.maps = labels.layers, labels.maps
        shown = [labels.of(each) for each in tensors_in(output)]
        group = groups_of(labels.pairs, labels.number)
        self.places = {place: group[own] for place, own in labels.places().items()}
        self.norms = labels.norms()
        self.outputs = set(group[known(shown)].tolist())
        self.parts = [(n, numbered(group, own), parts) for n, own, parts in labels.parts]
        self.lost = [(name, set(group[known([own])].tolist())) for name, own in labels.lost]


class _Labels(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The labels of all tensors of a pass, and which of them were seen to go together."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, which takes longer than the pass

    def __init__(self, model: nn.Module, names: dict[nn.Module, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names = names
        self.number = 0
        self.known: dict[int, tuple[Tensor, Tensor | None]] = {}
        self.pairs: list[Tensor] = []
        self.sides: dict[tuple[str, int], Tensor] = {}
        self.parts: list[tuple[str, Tensor, int]] = []
        self.lost: list[tuple[str, Tensor]] = []
        self.users: dict[int, list[str]] = {}
        self.makers: dict[str, Tensor] = {}
        self.inside: list[str] = []
        self.calls: dict[str, int] = {}
        self.layers: dict[str, nn.Module] = {}
        self.maps: set[str] = set()
        self.leaf: nn.Module | None = None
        owned = {id(p) for m in names if is_layer(m) for p in m.parameters()}
        self.loose: dict[str, Tensor] = {}
        for name, parameter in model.named_parameters():
            if id(parameter) not in owned:
                self.loose[name] = self._new(parameter.numel()).view(parameter.shape)
                self._set(parameter, self.loose[name])

    @contextmanager
    def following(self) -> Iterator[None]:
        """Within this context, a forward pass is followed."""
        handles = []

        def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            self.inside.append(self.names[module])
            self.calls.pop(self.names[module], None)
            if self.leaf is None and is_layer(module):
                self.leaf = module

        def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            name = self.inside.pop()
            self.layers.setdefault(name, module)
            if self.leaf is module:
                self.leaf = None
                (taken,) = [each for each in inputs if isinstance(each, Tensor)][:1]
                if output.ndim == 4:
                    self.maps.add(name)
                self._layer(name, module, taken, output)

        for module in self.names:
            handles.append(module.register_forward_pre_hook(before))
            handles.append(module.register_forward_hook(after))
        with torch.no_grad(), self:
            yield
        for handle in handles:
            handle.remove()

    def of(self, tensor: Tensor) -> Tensor | None:
        """A tensor's labels; None if it has none."""
        return self.known.get(id(tensor), (tensor, None))[1]

    def places(self) -> dict[tuple[str, int], Tensor]:
        """The labels of all places of layers, and of the axes of parameters outside them."""
        loose = {}
        for name, own in self.loose.items():
            long = [axis for axis in range(own.ndim) if own.shape[axis] > 1]
            if len(long) == 1:
                loose[name, long[0]] = own.flatten()
        return self.sides | loose

    def norms(self) -> dict[str, str]:
        """The only user of what a layer gives, where that is a layer."""
        users = {name: self.users.get(id(given), []) for name, given in self.makers.items()}
        return {name: used[0] for name, used in users.items() if len(used) == 1 and used[0]}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        if self.leaf is None:
            name = func._schema.name.removeprefix("aten::")
            given = tensors_in([args, kwargs])
            for tensor in given:
                self._use(tensor, "")
            if any(self.of(tensor) is not None for tensor in given):
                self._operation(name, func, args, kwargs or {}, result)
        return result

    def _operation(
        self, name: str, func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any
    ) -> None:
        if name in MOVES:
            moved = self._moved(func, args, kwargs)
            made = tensors_in(result)
            for tensor, own in zip(made, tree_leaves(moved), strict=True):
                self._set(tensor, own)
            if name.startswith("split") and len({each.shape for each in made}) == 1:
                self._note_parts(args[0], len(made))
            return
        if name == "constant_pad_nd" and (padded := self._padded(args, result)):
            self._layer(*padded, args[0], result)
            return
        given = tensors_in([args, kwargs])
        labelled = [each for each in map(self.of, given) if each is not None]
        for first in tensors_in(result)[:1]:  # what norms and pools give beside it is not looked at
            combined = self._combined(name, given, args, first)
            if combined is None:
                self.lost += [(f"{self._where()} ({name})", each) for each in labelled]
            self._set(first, combined)

    def _padded(self, args: Sequence[Any], result: Tensor) -> tuple[str, ChannelPad] | None:
        """A layer that stands for zeros beside the channels of a map, and its name."""
        x, amounts, *value = args
        if x.ndim != 4 or len(amounts) != 6 or any(amounts[:4]) or any(value):
            return None
        before, after = amounts[4:]
        owner = self.inside[-1]
        number = self.calls.get(owner, 0)
        self.calls[owner] = number + 1
        name = name_of_call(owner, number, x.shape[1], before, after)
        layer = self.layers.setdefault(name, ChannelPad(x.shape[1], before, after))
        assert isinstance(layer, ChannelPad)
        return name, layer

    def _combined(
        self, name: str, given: list[Tensor], args: Sequence[Any], result: Tensor
    ) -> Tensor | None:
        """The labels of what an operation gives that computes something; None if unknown."""
        own, *others = [labels for labels in map(self.of, given) if labels is not None]
        if name not in PRODUCTS and are_elementwise(given, result):
            for labels in others:
                own = self._together(own, labels)
            return own.expand(result.shape)
        if others or name in PRODUCTS:
            return None
        if own.ndim == result.ndim > 2 and own.shape[:2] == result.shape[:2]:
            return alike(own, range(2, own.ndim)).expand(result.shape)  # pools, paddings
        if result.ndim == 0:
            return torch.tensor(NOTHING)
        dims = args[REDUCED.get(name, 1)] if len(args) > REDUCED.get(name, 1) else None
        if isinstance(dims, int | list | tuple):
            dims = [dims] if isinstance(dims, int) else dims
            kept = alike(own, [dim % own.ndim for dim in dims])
            if kept.numel() == result.numel():
                return kept.reshape(result.shape)
        return None

    def _together(self, one: Tensor, other: Tensor) -> Tensor:
        """Note that the labels of two tensors meet; the labels of their sum, say.

        A single channel that is spread over many is coupled to none of them.
        """
        one, other = torch.broadcast_tensors(one, other)  # type: ignore[no-untyped-call]
        pairs = torch.stack([corner(one, other), corner(other, one)]).flatten(1)
        pairs = torch.unique(pairs[:, (pairs != NOTHING).all(0)], dim=1)
        counts = [len(torch.unique(side)) for side in pairs]
        if min(counts) == 1 < max(counts):
            return one if counts[0] > 1 else other
        self.pairs.append(pairs)
        return torch.where(one == NOTHING, other, one)

    def _layer(self, name: str, layer: nn.Module, taken: Tensor, given: Tensor) -> None:
        """Note what a layer takes in and what it gives."""
        self._use(taken, name if isinstance(layer, nn.BatchNorm2d) else "")
        self.makers.setdefault(name, given)
        own = self.of(taken)
        axis = -1 if takes_in_last(layer, taken) else 1
        side = OUT if is_followed(layer) else IN
        width = outputs(layer) if side == OUT else taken.shape[axis]
        if side == OUT and axis == 1 and width != taken.shape[1]:
            places = self._side(name, OUT, width).view(taken.shape[1], -1)
        else:
            places = self._side(name, side, taken.shape[axis])[:, None]
        if own is not None:
            flat = own.movedim(axis, 0).flatten(1)
            meets = alike(flat, [1])
            if (meets == NOTHING).any() and (flat[meets[:, 0] == NOTHING] != NOTHING).any():
                self.lost.append((name, own))
            pairs = torch.stack([places, meets.expand_as(places)]).flatten(1)
            self.pairs.append(pairs[:, pairs[1] != NOTHING])
        shown = places.flatten() if side == OUT else self._side(name, OUT, outputs(layer))
        shape = [1] * given.ndim
        shape[axis] = -1
        self._set(given, shown.view(shape).expand(given.shape))

    def _side(self, name: str, side: int, width: int) -> Tensor:
        if (name, side) not in self.sides:
            self.sides[name, side] = self._new(width)
        return self.sides[name, side]

    def _moved(self, func: Any, args: Any, kwargs: Any) -> Any:
        def labels(value: Any) -> Any:
            if not isinstance(value, Tensor) or not value.is_floating_point():
                return value
            own = self.of(value)
            return torch.full(value.shape, NOTHING) if own is None else own.contiguous()

        kwargs = {key: value for key, value in kwargs.items() if key not in ("dtype", "device")}
        if func._schema.name == "aten::_to_copy":
            return labels(args[0])
        return func(*tree_map(labels, args), **tree_map(labels, kwargs))

    def _note_parts(self, whole: Tensor, parts: int) -> None:
        own = self.of(whole)
        if parts > 1 and own is not None and own.ndim > 1:
            places = alike(own.movedim(1, 0).flatten(1), [1]).flatten()
            if bool((places != places[0]).any()):
                self.parts.append((self._where(), places, parts))

    def _where(self) -> str:
        return (self.inside[-1] if self.inside else "") or "the network"

    def _new(self, number: int) -> Tensor:
        self.number += number
        return torch.arange(self.number - number, self.number)

    def _use(self, tensor: Tensor, user: str) -> None:
        if id(tensor) in self.known:
            self.users.setdefault(id(tensor), []).append(user)

    def _set(self, tensor: Tensor, own: Tensor | None) -> None:
        self.known[id(tensor)] = tensor, own  # the tensor is kept, so that its id stays its own
