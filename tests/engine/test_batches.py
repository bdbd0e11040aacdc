"""Batches: which images, in which order, and none that nobody asks for."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

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
