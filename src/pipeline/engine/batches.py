"""Batches of images on the device: how the stages read a data set.

    for images, labels in training_batches(data, recipe, seed, device).epoch(0):
    for images in evaluation_batches(data, data.test, rows, batch_size, device):

Both are the same for a data set that lies in memory and for one that is streamed from its files.
"""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.cache.specs import Recipe
from pipeline.datasets import AnyDataset, Dataset, ImageFiles, ImageSet, StreamedDataset
from pipeline.engine.learning_rate import steps_in_epoch
from pipeline.seeds import derive_seed

BATCH = 64


class TrainingBatches(Protocol):
    """Augmented batches of a training set; what is random is a function of seed and epoch."""

    steps: int

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Images float32 [B, 3, H, W], channels last, and labels [B], from step `start` on."""


def training_batches(
    data: AnyDataset, recipe: Recipe, seed: int, device: torch.device
) -> TrainingBatches:
    """The batches that a network is trained with, on the device.

    Raises:
        PipelineError: the batch size leaves no batch.
    """
    if isinstance(data, StreamedDataset):
        from pipeline.engine.streaming import StreamedBatches

        return StreamedBatches(data, recipe, seed, device)
    return Batches(data, recipe, seed, device)


def evaluation_batches(
    data: AnyDataset,
    part: ImageSet | ImageFiles,
    rows: Tensor,
    batch_size: int,
    device: torch.device,
) -> Iterator[Tensor]:
    """Images float32 [B, 3, H, W], normalised, not augmented, on the device.

    Args:
        data: The data set.
        part: Its training or its test set.
        rows: Int64 [N], which images of the part, in this order.
        batch_size: Images in a batch; the last one has what is left.
        device: Where they are wanted.
    """
    if isinstance(part, ImageFiles):
        from pipeline.engine.streaming import stream

        assert isinstance(data, StreamedDataset)
        found = stream(data, part, rows, batch_size, device)
    else:
        found = (part.images[chosen].to(device) for chosen in torch.split(rows, batch_size))
    for images in found:
        yield data.normalise(images)


class TrainingImages:
    """Some training images in random order; only those that are asked for are loaded.

        images[:640]  # float32 [640, 3, H, W], normalised, not augmented

    Args:
        data: The data set.
        count: How many there are at most.
        seed: Decides which ones, and their order.
        device: Where they are wanted.
    """

    def __init__(self, data: AnyDataset, count: int, seed: int, device: torch.device | str) -> None:
        self.data, self.device = data, torch.device(device)
        generator = torch.Generator().manual_seed(seed)
        self.rows = torch.randperm(len(data.train), generator=generator)[:count]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> Tensor:
        """The labels of all of them, int64 [N], on the device."""
        return self.data.train.labels[self.rows].to(self.device)

    def __getitem__(self, part: slice) -> Tensor:
        """The images of a slice."""
        rows = self.rows[part]
        size = self.data.image_size
        images = torch.empty(len(rows), 3, size, size, device=self.device)
        batches = evaluation_batches(self.data, self.data.train, rows, BATCH, self.device)
        for place, batch in zip(torch.split(images, BATCH), batches, strict=True):
            place.copy_(batch)
        return images


class Batches:
    """Augmented batches of a training set that lies on the device.

    Images are kept padded and channels last, so that one gather crops and batches them.
    """

    def __init__(self, data: Dataset, recipe: Recipe, seed: int, device: torch.device) -> None:
        self.data, self.recipe, self.seed = data, recipe, seed
        self.size = data.image_size
        self.pad = data.pad if recipe.augment else 0
        self.flip = data.flip and recipe.augment
        images = F.pad(data.train.images, (self.pad,) * 4)
        images = images.permute(0, 2, 3, 1).contiguous().to(device)
        # Every crop of every image, as a view [N, 2 pad + 1, 2 pad + 1, H, W, 3].
        crops = images.unfold(1, self.size, 1).unfold(2, self.size, 1)
        self.crops = crops.permute(0, 1, 2, 4, 5, 3)
        self.labels = data.train.labels.to(device)
        self.steps = steps_in_epoch(recipe, len(data.train))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Images float32 [B, 3, H, W], channels last, and labels [B], from step `start` on."""
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", epoch))
        count = len(self.labels)
        order = torch.randperm(count, generator=generator)
        offsets = torch.randint(2 * self.pad + 1, (2, count), generator=generator)
        mirrored = torch.rand(count, generator=generator) < (0.5 if self.flip else 0.0)
        device = self.labels.device
        order, offsets, mirrored = (part.to(device) for part in (order, offsets, mirrored))
        for step in range(start, self.steps):
            part = slice(step * self.recipe.batch_size, (step + 1) * self.recipe.batch_size)
            index = order[part]
            batch = self.crops[index, offsets[0, part], offsets[1, part]]
            if self.flip:
                batch = torch.where(mirrored[part, None, None, None], batch.flip(2), batch)
            yield self.data.normalise(batch.permute(0, 3, 1, 2)), self.labels[index]
