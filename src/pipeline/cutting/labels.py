"""Labels of channels: int64 tensors that say of each element of another tensor where it comes from.

What operations do to them, by the names of torch's operations.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

# What moves elements about without changing them: done to the labels as it is.
MOVES = {
    "_reshape_alias", "_to_copy", "_unsafe_view", "alias", "cat", "channel_shuffle", "clone",
    "detach", "expand", "flip", "index", "index_select", "lift_fresh", "native_channel_shuffle",
    "permute", "pixel_shuffle", "pixel_unshuffle", "repeat", "roll", "select", "slice", "split",
    "split_with_sizes", "squeeze", "stack", "t", "transpose", "unbind", "unsqueeze", "view",
}  # fmt: skip
# What sums over a dimension that its inputs share.
PRODUCTS = {"addmm", "baddbmm", "bmm", "convolution", "dot", "mm", "mv"}
# Where the dimensions stand among the arguments of what reduces them, if not second.
REDUCED = {"linalg_vector_norm": 2, "norm": 2}
NOTHING = -1  # the label of what belongs to no channel


def groups_of(pairs: Sequence[Tensor], number: int) -> Tensor:
    """For each of so many labels a label that all have that it goes together with.

    Args:
        pairs: Int64 [2, N] each: labels that go together.
        number: How many labels there are.
    """
    group = torch.arange(number)
    if not pairs:
        return group
    left, right = torch.unique(torch.cat(list(pairs), 1), dim=1)
    while True:
        least = torch.minimum(group[left], group[right])
        if torch.equal(least, group[left]) and torch.equal(least, group[right]):
            return group
        for side in (left, right):
            group.scatter_reduce_(0, group[side].clone(), least, "amin")
            group.scatter_reduce_(0, side, least, "amin")
        group = group[group]


def are_elementwise(given: Sequence[Tensor], result: Tensor) -> bool:
    """Whether an operation may be one on elements, by its shapes."""
    try:
        shape = torch.broadcast_shapes(*(each.shape for each in given))  # type: ignore[no-untyped-call]
    except RuntimeError:
        return False
    return bool(shape == result.shape)


def alike(own: Tensor, dims: Sequence[int]) -> Tensor:
    """Labels that are alike along some dimensions, as one; `NOTHING` where they are not."""
    dims = list(dims)
    if not dims:
        return own
    low, high = own.amin(dims, keepdim=True), own.amax(dims, keepdim=True)
    return torch.where(low == high, low, NOTHING)


def corner(own: Tensor, other: Tensor) -> Tensor:
    """Labels without the dimensions along which neither they nor others differ."""
    for dim in range(own.ndim):
        first, second = own.narrow(dim, 0, 1), other.narrow(dim, 0, 1)
        if torch.equal(first.expand_as(own), own) and torch.equal(second.expand_as(other), other):
            own, other = first, second
    return own


def known(labels: Sequence[Tensor | None]) -> Tensor:
    """All labels of some channel, rising."""
    flat = [each.flatten() for each in labels if each is not None]
    found = torch.unique(torch.cat(flat)) if flat else torch.zeros(0, dtype=torch.int64)
    return found[found != NOTHING]


def numbered(group: Tensor, own: Tensor) -> Tensor:
    """The groups of labels, and `NOTHING` where there is no label."""
    return torch.where(own == NOTHING, NOTHING, group[own.clamp(min=0)])


def tensors_in(output: object) -> list[Tensor]:
    """The tensors of an output, which may be a tuple or a mapping."""
    values = output.values() if isinstance(output, dict) else [output]
    return [each for each in tree_leaves(list(values)) if isinstance(each, Tensor)]
