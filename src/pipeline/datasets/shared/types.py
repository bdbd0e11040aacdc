"""What a data set is: images in memory, or a list of the files that hold them."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import PipelineError

# Which fields are written into an artifact. Those that came later are left out where they say
# nothing new, so that data sets of before keep their bytes.
NOT_STORED = {"stored": "never"}
STORED_IF_CHANGED = {"stored": "if changed"}

# From an image's pixels uint8 [H, W, 3] and its id to other pixels of the same shape.
Change = Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 [N, 3, H, W] with labels int64 [N] and ids int64 [N] that name each image."""

    images: Tensor
    labels: Tensor
    ids: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ImageFiles:
    """Image files with labels int64 [N] and ids int64 [N] that name each image.

    Attributes:
        names: Uint8 [N, L], file names relative to the data set's root, filled up with zeros. One
            tensor, because a million strings would be copied into every worker process.
        sizes: Int64 [N], in bytes.
        labels: Int64 [N].
        ids: Int64 [N].
        digests: Uint8 [N, 32], the SHA-256 of each file, once the data stage has read it.
    """

    names: Tensor
    sizes: Tensor
    labels: Tensor
    ids: Tensor
    digests: Tensor | None = field(default=None, metadata=NOT_STORED)

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, row: int) -> str:
        """The file name of an image."""
        return os.fsdecode(bytes(self.names[row].numpy()).rstrip(b"\0"))


def is_hidden(name: str) -> bool:
    """Whether a file or a folder is none of the user's: ``._0.jpg``, ``.ipynb_checkpoints``."""
    return name.startswith(".")


@cache
def _of_pixels(values: tuple[float, float, float], device: torch.device) -> Tensor:
    """A value for each channel of pixels in [0, 255]; kept, since bringing it to a GPU waits."""
    return torch.tensor(values, device=device).mul(255)[:, None, None]


class _Normalised:
    """What both kinds of data sets share."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def normalise(self, images: Tensor) -> Tensor:
        """Float32 images with zero mean and unit variance, from uint8 [N, 3, H, W]."""
        mean, std = (_of_pixels(value, images.device) for value in (self.mean, self.std))
        return images.float().sub_(mean).div_(std)


@dataclass(frozen=True)
class Dataset(_Normalised):
    """A training and a test set, and how their images are normalised and augmented.

    Attributes:
        train: Images to train on.
        test: Images to judge on.
        classes: The name of each class, in the order of the labels.
        mean: Mean of each channel, of pixels in [0, 1].
        std: Standard deviation of each channel.
        pad: Zero pixels added on each side before a random crop of the original size.
        flip: Whether a training image may be mirrored.
        source: What the images were read from: a checksum or a version.
        role: Of another test set, which has no training images, what its images are; see
            `pipeline.cache.specs.Data`.
    """

    train: ImageSet
    test: ImageSet
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    pad: int = 4
    flip: bool = True
    source: str = ""
    role: str = field(default="", metadata=STORED_IF_CHANGED)

    @property
    def image_size(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.train.images.shape[-1])

    def check(self) -> None:
        """Raise PipelineError unless every class occurs in both sets and shapes fit."""
        size = self.train.images.shape[1:]
        for name, part in (("training", self.train), ("test", self.test)):
            _check_labels(name, part, self.classes, self.role)
            if part.images.dtype != torch.uint8 or part.images.shape[1:] != size or size[0] != 3:
                found = f"{part.images.dtype} {tuple(part.images.shape)}"
                raise PipelineError(f"{name} images must be uint8 [N, 3, H, W]; found {found}")
            if not len(part.images) == len(part.labels) == len(part.ids):
                raise PipelineError(f"the {name} set's images, labels and ids differ in number")
        if size[1] != size[2]:
            raise PipelineError(f"the images are {size[1]}×{size[2]} pixels, not square")


@dataclass(frozen=True)
class StreamedDataset(_Normalised):
    """A training and a test set of image files, and how these become images.

    Training images are random crops of random size and shape, flipped at random; test images are
    the centre of the whole picture. Where and with what the files are read is no part of what the
    data set is.

    Attributes:
        train: Files to train on.
        test: Files to judge on.
        classes: The name of each class, in the order of the labels.
        mean: Mean of each channel, of pixels in [0, 1].
        std: Standard deviation of each channel.
        image_size: Height and width of the images in pixels, once decoded.
        resize_size: The shorter side of a test picture, in pixels, before its centre is cropped.
        source: What the files were: how many, and a checksum of their names, sizes and labels.
        root: The folder that the file names are relative to.
        decoder: What decodes JPEG files: ``pillow`` or ``simplejpeg``.
        flip: Whether a training image may be mirrored.
        scale: The smallest and the largest part of a picture's area that a training image shows.
        orient: Whether pictures are turned as their EXIF data say.
        role: As of a `Dataset`.
        change: What is done to each test image once it is cropped; of a shifted test set.
    """

    train: ImageFiles
    test: ImageFiles
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    image_size: int
    resize_size: int
    source: str = ""
    # Where the files lie is for the one who reads them to say: they may move.
    root: Path = field(default=Path(), metadata=NOT_STORED)
    decoder: str = field(default="pillow", metadata=NOT_STORED)
    flip: bool = field(default=True, metadata=STORED_IF_CHANGED)
    scale: tuple[float, float] = field(default=(0.08, 1.0), metadata=STORED_IF_CHANGED)
    orient: bool = field(default=False, metadata=STORED_IF_CHANGED)
    role: str = field(default="", metadata=STORED_IF_CHANGED)
    change: Change | None = field(default=None, metadata=NOT_STORED)

    def check(self) -> None:
        """Raise PipelineError unless every class occurs in both sets and shapes fit."""
        for name, part in (("training", self.train), ("test", self.test)):
            _check_labels(name, part, self.classes, self.role)
            if part.names.dtype != torch.uint8 or part.names.ndim != 2:
                found = f"{part.names.dtype} {tuple(part.names.shape)}"
                raise PipelineError(f"the {name} set's names must be uint8 [N, L]; found {found}")
            if not len(part.names) == len(part.sizes) == len(part.labels) == len(part.ids):
                raise PipelineError(f"the {name} set's names, labels and ids differ in number")
        if not 0 < self.image_size <= self.resize_size:
            sizes = f"{self.image_size} and {self.resize_size}"
            raise PipelineError(f"images of {sizes} pixels, once cropped and before")


AnyDataset = Dataset | StreamedDataset


Part = TypeVar("Part", bound=ImageSet | ImageFiles)


def without_images(part: Part) -> Part:
    """What stands for the training images of another test set."""
    return chosen(part, torch.empty(0, dtype=torch.int64))


def chosen(part: Part, rows: Tensor) -> Part:
    """Some images of a part, in the order of `rows`."""
    values = {each.name: getattr(part, each.name) for each in fields(part)}
    return replace(part, **{name: each[rows] for name, each in values.items() if each is not None})


def _check_labels(
    name: str, part: ImageSet | ImageFiles, classes: tuple[str, ...], role: str
) -> None:
    if role and (name == "training" or len(part)):
        return
    if len(part) == 0:
        raise PipelineError(f"the {name} set is empty")
    missing = sorted(set(range(len(classes))) - set(part.labels.tolist()))
    if missing:
        names = ", ".join(classes[label] for label in missing[:5])
        raise PipelineError(f"no image of class {names} in the {name} set")
