"""Everything that is wrong with what a data set's `load` returned, in words.

    for fault in faults(data):
        "training labels: int32, not int64"

A data set of a user's own is checked here before anything is trained with it.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from pipeline.datasets.shared.types import Dataset, ImageFiles, ImageSet, StreamedDataset


def faults(data: object) -> Iterator[str]:
    """The faults of a data set, one after the other; none if it is right.

    A part with a fault that makes others meaningless is not looked at further.
    """
    if not isinstance(data, Dataset | StreamedDataset):
        yield f"`load` returned {_kind(data)}, not a Dataset or a StreamedDataset"
        return
    yield from _of_classes(data.classes)
    yield from _of_numbers("mean", data.mean, zero=True)
    yield from _of_numbers("std", data.std, zero=False)
    if type(data.flip) is not bool:
        yield f"flip: {data.flip!r} is neither True nor False"
    if not isinstance(data.source, str):
        yield f"source: {_kind(data.source)}, not a text"
    number = len(data.classes) if isinstance(data.classes, tuple) else 0
    kind: type[ImageSet] | type[ImageFiles]
    if isinstance(data, Dataset):
        kind = ImageSet
        if type(data.pad) is not int or data.pad < 0:
            yield f"pad: {data.pad!r} is not a whole number of at least 0"
    else:
        kind = ImageFiles
        yield from _of_sizes(data)
    for name, part in (("training", data.train), ("test", data.test)):
        if not isinstance(part, kind):
            yield f"the {name} set: {_kind(part)}, not an {kind.__name__}"
            continue
        pixels = list(_of_images(part) if isinstance(part, ImageSet) else _of_files(part))
        yield from (f"{name} {fault}" for fault in pixels)
        yield from (f"{name} {fault}" for fault in _of_labels(part, data.classes, number))
    yield from _between(data)


def _kind(value: object) -> str:
    return type(value).__name__


def _tensor(what: str, value: Any, dtype: torch.dtype, axes: str) -> str | None:
    """What is wrong with a tensor's type or number of axes."""
    if not isinstance(value, Tensor):
        return f"{what}: {_kind(value)}, not a torch.Tensor"
    wanted = axes.count(",") + 1
    if value.dtype != dtype or value.ndim != wanted:
        found = f"{_named(value.dtype)} {list(value.shape)}"
        return f"{what}: {found}, not {_named(dtype)} [{axes}]"
    return None


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _of_classes(classes: Any) -> Iterator[str]:
    if not isinstance(classes, tuple) or not all(isinstance(name, str) for name in classes):
        yield f"classes: {classes!r:.80} is not a tuple of texts"
    elif len(classes) < 2:
        yield f"classes: {len(classes)}, not at least 2"


def _of_numbers(what: str, values: Any, *, zero: bool) -> Iterator[str]:
    if (
        not isinstance(values, tuple)
        or len(values) != 3
        or not all(isinstance(value, float) and math.isfinite(value) for value in values)
    ):
        yield f"{what}: {values!r:.80} is not a tuple of three floats, one for each channel"
    elif not all(0 <= value <= 1 and (zero or value > 0) for value in values):
        least = "at least" if zero else "above"
        yield f"{what}: {values!r} is not {least} 0 and at most 1; pixels are in [0, 1]"


def _of_sizes(data: StreamedDataset) -> Iterator[str]:
    sizes = (data.image_size, data.resize_size)
    if not all(type(size) is int for size in sizes) or not 0 < sizes[0] <= sizes[1]:
        yield f"image_size and resize_size: {sizes[0]!r} and {sizes[1]!r}, not 0 < first ≤ second"
    scale = data.scale
    if (
        not isinstance(scale, tuple)
        or len(scale) != 2
        or not all(isinstance(value, float) for value in scale)
        or not 0 < scale[0] <= scale[1] <= 1
    ):
        yield f"scale: {scale!r} is not (least, most) with 0 < least ≤ most ≤ 1"
    if type(data.orient) is not bool:
        yield f"orient: {data.orient!r} is neither True nor False"


def _of_images(part: ImageSet) -> Iterator[str]:
    fault = _tensor("images", part.images, torch.uint8, "N, 3, H, W")
    if fault is None and part.images.shape[1] != 3:
        fault = f"images: {list(part.images.shape)}, not [N, 3, H, W]"
    if fault:
        yield fault
        return
    height, width = part.images.shape[2:]
    if height != width or height == 0:
        yield f"images: {height}×{width} pixels, not square; crop or pad them in `load`"
    if isinstance(part.labels, Tensor) and part.labels.ndim == 1:
        yield from _of_number("images", part.images, part.labels)


def _of_files(part: ImageFiles) -> Iterator[str]:
    for fault in (
        _tensor("names", part.names, torch.uint8, "N, L"),
        _tensor("sizes", part.sizes, torch.int64, "N"),
    ):
        if fault:
            yield fault
            return
    if isinstance(part.labels, Tensor) and part.labels.ndim == 1:
        yield from _of_number("names", part.names, part.labels)
        yield from _of_number("sizes", part.sizes, part.labels)


def _of_number(what: str, values: Tensor, labels: Tensor) -> Iterator[str]:
    if len(values) != len(labels):
        yield f"{what}: {len(values)}, but {len(labels)} labels"


def _of_labels(part: ImageSet | ImageFiles, classes: Any, number: int) -> Iterator[str]:
    labels, ids = part.labels, part.ids
    fault = _tensor("labels", labels, torch.int64, "N")
    if fault:
        yield fault
        return
    if len(labels) == 0:
        yield "set: it is empty"
        return
    least, most = int(labels.min()), int(labels.max())
    if number and not (least >= 0 and most < number):
        wrong = least if least < 0 else most
        yield f"labels: {wrong} is not from 0 to {number - 1}, with {number} classes"
    elif number:
        missing = sorted(set(range(number)) - set(labels.tolist()))
        if missing:
            names = ", ".join(str(classes[label]) for label in missing[:5])
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            yield f"labels: no image of class {names}{more}"
    fault = _tensor("ids", ids, torch.int64, "N")
    if fault:
        yield fault
        return
    yield from _of_number("ids", ids, labels)
    in_order = ids.sort().values
    if (twice := in_order[1:] == in_order[:-1]).any():
        yield f"ids: {int(in_order[1:][twice][0])} names more than one image"


def _between(data: Dataset | StreamedDataset) -> Iterator[str]:
    """Whether the two sets' images go together."""
    if not isinstance(data, Dataset):
        return
    first, second = (getattr(part, "images", None) for part in (data.train, data.test))
    if isinstance(first, Tensor) and isinstance(second, Tensor) and first.ndim == second.ndim == 4:
        one, other = first.shape[2:], second.shape[2:]
        if one != other and first.shape[1] == second.shape[1] == 3:
            sizes = [f"{height}×{width}" for height, width in (one, other)]
            yield f"images of {sizes[0]} pixels to train on, of {sizes[1]} to test on"
