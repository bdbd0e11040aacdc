"""Data sets: one module each, whose `load` reads the raw files into uint8 tensors.

The data stage calls `load` once and stores what it returns; later stages read that artifact, so
none of them decodes, downloads, or imports a reader. An entry looks like this:

    def load(path: Path | None) -> Dataset:
        ...
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 [N, 3, H, W] with labels int64 [N] and ids int64 [N] that name each image."""

    images: Tensor
    labels: Tensor
    ids: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
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
    """

    train: ImageSet
    test: ImageSet
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    pad: int = 4
    flip: bool = True
    source: str = ""

    @property
    def image_size(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.train.images.shape[-1])

    def normalise(self, images: Tensor) -> Tensor:
        """Float32 images with zero mean and unit variance, from uint8 [N, 3, H, W]."""
        mean, std = (
            torch.tensor(value, device=images.device).mul(255)[:, None, None]
            for value in (self.mean, self.std)
        )
        return images.float().sub_(mean).div_(std)

    def check(self) -> None:
        """Raise PipelineError unless every class occurs in both sets and shapes fit."""
        size = self.train.images.shape[1:]
        for name, part in (("training", self.train), ("test", self.test)):
            if len(part) == 0:
                raise PipelineError(f"the {name} set is empty")
            if part.images.dtype != torch.uint8 or part.images.shape[1:] != size or size[0] != 3:
                found = f"{part.images.dtype} {tuple(part.images.shape)}"
                raise PipelineError(f"{name} images must be uint8 [N, 3, H, W]; found {found}")
            if not len(part.images) == len(part.labels) == len(part.ids):
                raise PipelineError(f"the {name} set's images, labels and ids differ in number")
            missing = sorted(set(range(len(self.classes))) - set(part.labels.tolist()))
            if missing:
                names = ", ".join(self.classes[label] for label in missing[:5])
                raise PipelineError(f"no image of class {names} in the {name} set")
