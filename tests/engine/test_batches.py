"""Batches: which images, in which order, and none that nobody asks for."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torchvision import transforms

from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset
from pipeline.engine.batches import Batches, TrainingImages, evaluation_batches, training_batches
from pipeline.models import build
from pipeline.pruning import prune
from pipeline.seeds import derive_seed

MakeDataset = Callable[..., Dataset]
CPU = torch.device("cpu")


def test_a_set_in_memory_is_trained_on_from_memory(make_dataset: MakeDataset) -> None:
    assert isinstance(training_batches(make_dataset(), Recipe(1, batch_size=8), 0, CPU), Batches)


def test_evaluation_batches_are_the_wanted_rows_in_order(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    rows = torch.tensor([3, 0, 19, 7, 7])
    found = list(evaluation_batches(data, data.test, rows, 2, CPU))
    assert [len(images) for images in found] == [2, 2, 1]
    assert torch.equal(torch.cat(found), data.normalise(data.test.images[rows]))


def test_training_images_are_a_seeded_choice(make_dataset: MakeDataset) -> None:
    data = make_dataset(train=200)
    images = TrainingImages(data, 150, 5, CPU)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(5))
    assert len(images) == 150
    assert torch.equal(images[:], data.normalise(data.train.images[order[:150]]))
    assert torch.equal(images[60:130], data.normalise(data.train.images[order[60:130]]))
    assert len(TrainingImages(data, 4096, 5, CPU)) == 200


@pytest.mark.parametrize(
    ("pruner", "options", "read"),
    [
        ("random", {}, 0),
        ("l1", {}, 0),
        ("batchnorm", {}, 0),
        ("hrank", {"batches": 2, "batch_size": 8}, 16),
        ("l1", {"recalibrate": True}, 40),
    ],
)
def test_a_pruner_reads_only_the_images_it_looks_at(
    make_dataset: MakeDataset,
    monkeypatch: pytest.MonkeyPatch,
    pruner: str,
    options: dict[str, object],
    read: int,
) -> None:
    data = make_dataset(size=32)
    images = TrainingImages(data, 4096, derive_seed(0), CPU)
    asked = []

    def normalise(part: torch.Tensor) -> torch.Tensor:
        asked.append(len(part))
        return Dataset.normalise(data, part)

    monkeypatch.setattr(
        images, "data",
        SimpleNamespace(train=data.train, normalise=normalise, image_size=data.image_size),
    )  # fmt: skip
    model = build("resnet18", 4, width=1 / 16)
    example = torch.zeros(1, 3, 32, 32)
    smaller, _ = prune(model, pruner, 0.5, example_input=example, images=images, **options)
    assert sum(asked) == read
    # And they are the same images as when all of them are given.
    twin, _ = prune(model, pruner, 0.5, example_input=example, images=images[:], **options)
    for tensor, other in zip(
        smaller.state_dict().values(), twin.state_dict().values(), strict=True
    ):
        assert torch.equal(tensor, other)


def test_an_epoch_shows_every_image_once(make_dataset: MakeDataset) -> None:
    data = make_dataset(train=42)
    batches = Batches(data, Recipe(1, batch_size=8, augment=False), 0, CPU)
    found = list(batches.epoch(0))
    assert [len(labels) for _, labels in found] == [8] * 5 + [2]
    seen = torch.cat([images for images, _ in found]).flatten(1)
    expected = data.normalise(data.train.images).flatten(1)
    assert torch.equal(seen.sum(1).sort().values, expected.sum(1).sort().values)
    shorter = Batches(data, Recipe(1, batch_size=8, drop_last=True), 0, CPU)
    assert [len(labels) for _, labels in shorter.epoch(0)] == [8] * 5


def test_another_epoch_has_another_order_and_the_same_epoch_the_same(
    make_dataset: MakeDataset,
) -> None:
    batches = Batches(make_dataset(), Recipe(1, batch_size=8), 0, CPU)
    first, again, second = (
        torch.cat([images for images, _ in batches.epoch(epoch)]) for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    late = torch.cat([images for images, _ in batches.epoch(0, start=3)])
    assert torch.equal(late, first[3 * 8 :])


def test_augmentation_has_the_distribution_of_torchvisions(make_dataset: MakeDataset) -> None:
    size, pad, count = 4, 1, 6000
    data = make_dataset(train=1, test=4, classes=4, size=size)
    picture = torch.arange(3 * size * size, dtype=torch.uint8).reshape(3, size, size) + 1
    data.train.images.copy_(picture[None])
    many = Dataset(
        type(data.train)(
            data.train.images.expand(count, -1, -1, -1),
            data.train.labels.expand(count),
            torch.arange(count),
        ),
        data.test, data.classes, (0.0,) * 3, (1 / 255,) * 3, pad=pad, flip=True,
    )  # fmt: skip
    batches = Batches(many, Recipe(1, batch_size=count), 0, CPU)
    (ours, _), *_ = batches.epoch(0)
    theirs = transforms.Compose(
        [transforms.RandomCrop(size, padding=pad), transforms.RandomHorizontalFlip()]
    )
    torch.manual_seed(0)
    possible = {tuple(theirs(picture).flatten().tolist()) for _ in range(1000)}
    found = [tuple(image) for image in ours.flatten(1).round().int().tolist()]
    assert len(possible) == 9 * 2
    assert set(found) == possible
    counts = torch.tensor([found.count(each) for each in possible], dtype=torch.float64)
    # Pearson's chi-squared with 17 degrees of freedom exceeds 40.8 with probability 0.001.
    expected = count / 18
    assert ((counts - expected) ** 2 / expected).sum() < 40.8
