"""The textbook loop, the baseline of claims: what trainings of this field start from.

After the recipe of kuangliu/pytorch-cifar: PIL images and torchvision's transforms in two loader
workers, float32, `torch.optim.SGD`, a cosine that is stepped once an epoch, and the loss read back
at every step. Of the pipeline it uses the images and the recipe's numbers, none of its training
code, so it also serves as an independent check of what a training arrives at.
"""

from collections.abc import Iterator

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset

WORKERS = 2


class PilImages(TorchDataset[tuple[Tensor, int]]):
    """One part of a data set as PIL images that pass a transform."""

    def __init__(self, images: Tensor, labels: Tensor, transform: transforms.Compose) -> None:
        self.images = images.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """An image float32 [3, H, W] and its label."""
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def loader(data: Dataset, recipe: Recipe, *, train: bool, workers: int = WORKERS) -> DataLoader:
    """A loader of the training set, shuffled and augmented, or of the test set, in order."""
    steps: list[object] = []
    if train and recipe.augment:
        steps.append(transforms.RandomCrop(data.image_size, padding=data.pad))
        if data.flip:
            steps.append(transforms.RandomHorizontalFlip())
    steps += [transforms.ToTensor(), transforms.Normalize(data.mean, data.std)]
    part = data.train if train else data.test
    images = PilImages(part.images, part.labels, transforms.Compose(steps))
    size = recipe.batch_size if train else 100
    return DataLoader(
        images, size, shuffle=train, num_workers=workers, drop_last=train and recipe.drop_last
    )


def epochs(
    model: nn.Module, data: Dataset, recipe: Recipe, *, device: str = "cpu", workers: int = WORKERS
) -> Iterator[float]:
    """Train a network in place; after each epoch, yield its mean training loss.

    Order and augmentation come from torch's default generator.
    """
    model.to(device)
    criterion = nn.CrossEntropyLoss()
    optimiser = torch.optim.SGD(
        model.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=recipe.epochs)
    batches = loader(data, recipe, train=True, workers=workers)
    for _ in range(recipe.epochs):
        model.train()
        loss_sum, correct, count = 0.0, 0, 0
        for images, labels in batches:
            images, labels = images.to(device), labels.to(device)
            optimiser.zero_grad()
            logits = model(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimiser.step()
            loss_sum += loss.item() * len(labels)
            correct += logits.argmax(1).eq(labels).sum().item()
            count += len(labels)
        schedule.step()
        yield loss_sum / count


@torch.no_grad()
def logits(model: nn.Module, data: Dataset, *, device: str = "cpu", workers: int = 0) -> Tensor:
    """The network's logits float32 [N, C] on the test set."""
    model.eval().to(device)
    batches = loader(data, Recipe(epochs=1), train=False, workers=workers)
    return torch.cat([model(images.to(device)).cpu() for images, _ in batches])
