"""Batches of images on the device: what the stages read a data set through."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.datasets import Dataset
from pipeline.errors import PipelineError
from pipeline.seeds import derive_seed
from pipeline.specs import Recipe


class Batches:
    """Augmented batches of a training set that lies on the device.

    Images are kept padded and channels last, so that one gather crops, flips and batches them.
    """

    def __init__(self, data: Dataset, recipe: Recipe, seed: int, device: torch.device) -> None:
        self.data, self.recipe, self.seed = data, recipe, seed
        self.size = data.image_size
        self.pad = data.pad if recipe.augment else 0
        self.flip = data.flip and recipe.augment
        images = F.pad(data.train.images, (self.pad,) * 4)
        self.images = images.permute(0, 2, 3, 1).contiguous().to(device)
        self.labels = data.train.labels.to(device)
        self.steps = steps_in_epoch(recipe, len(data.train))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Images float32 [B, 3, H, W], channels last, and labels [B], from step `start` on."""
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", epoch))
        count = len(self.labels)
        order = torch.randperm(count, generator=generator)
        offsets = torch.randint(2 * self.pad + 1, (2, count), generator=generator)
        mirrored = torch.rand(count, generator=generator) < (0.5 if self.flip else 0.0)
        pixels = torch.arange(self.size)
        rows = offsets[0, :, None] + pixels
        columns = offsets[1, :, None] + torch.where(mirrored[:, None], pixels.flip(0), pixels)
        device = self.images.device
        order, rows, columns = (part.to(device) for part in (order, rows, columns))
        for step in range(start, self.steps):
            part = slice(step * self.recipe.batch_size, (step + 1) * self.recipe.batch_size)
            index = order[part]
            batch = self.images[index[:, None, None], rows[part, :, None], columns[part, None, :]]
            yield self.data.normalise(batch.permute(0, 3, 1, 2)), self.labels[index]


def steps_in_epoch(recipe: Recipe, images: int) -> int:
    """The number of batches of an epoch; none is a PipelineError."""
    size = recipe.batch_size
    steps = images // size if recipe.drop_last else -(-images // size)
    if steps == 0:
        raise PipelineError(f"batch_size {size} leaves no batch of {images} training images")
    return steps
