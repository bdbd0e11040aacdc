"""Corrupted test sets, of images in memory and in files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.datasets import Dataset, StreamedDataset, imagefolder
from pipeline.engine.batches import evaluation_batches
from pipeline.test_sets import corruption
from pipeline.test_sets.shared.corruptions import corrupt

CPU = torch.device("cpu")


def test_noise_is_a_function_of_the_seed_and_the_images_id(
    make_dataset: Callable[..., Dataset],
) -> None:
    data = make_dataset()
    noise = {"kind": "gaussian_noise", "severity": 5}
    found = corruption.shifted(data, seed=1, **noise)
    assert isinstance(found, Dataset)
    assert found.train is data.train
    assert torch.equal(found.test.labels, data.test.labels)
    again = corruption.shifted(data, seed=1, **noise)
    assert torch.equal(found.test.images, again.test.images)  # type: ignore[union-attr]
    other = corruption.shifted(data, seed=2, **noise)
    assert not torch.equal(found.test.images, other.test.images)  # type: ignore[union-attr]
    # The same images in another order have the same noise.
    rows = torch.tensor([3, 0])
    some = Dataset(
        data.train,
        type(data.test)(data.test.images[rows], data.test.labels[rows], data.test.ids[rows]),
        data.classes, data.mean, data.std,
    )  # fmt: skip
    images = corruption.shifted(some, seed=1, **noise).test.images  # type: ignore[union-attr]
    assert torch.equal(images, found.test.images[rows])
    differences = (found.test.images.float() - data.test.images.float()).flatten(1)
    assert len(torch.unique(differences, dim=0)) == len(differences)


def test_files_are_corrupted_after_the_crop(make_folder: Callable[..., Path]) -> None:
    data = imagefolder.load(make_folder(), crop_size=72)
    found = corruption.shifted(data, kind="contrast", severity=5)
    assert isinstance(found, StreamedDataset)
    rows = torch.arange(len(data.test))

    def images(of: StreamedDataset) -> torch.Tensor:
        batches = evaluation_batches(of, of.test, rows, 4, CPU)
        return torch.cat([batch * 1 for batch in batches])

    std, mean = (torch.tensor(each)[:, None, None] for each in (data.std, data.mean))
    before = ((images(data) * std + mean) * 255).round().to(torch.uint8)
    after = ((images(found) * std + mean) * 255).round().to(torch.uint8)
    # 72 pixels: ImageNet-C's constant, 0.05.
    for one, other in zip(before, after, strict=True):
        pixels = one.permute(1, 2, 0).numpy()
        random = np.random.RandomState(0)
        expected = corrupt(pixels, "contrast", 5, small=False, random=random)
        assert (other.permute(1, 2, 0).numpy() == expected).all()
        assert float(other.float().std()) < 0.2 * float(one.float().std())
    # Training images of the same data set are left alone.
    train = next(evaluation_batches(found, found.train, rows[:2], 2, CPU))
    assert torch.equal(train, next(evaluation_batches(data, data.train, rows[:2], 2, CPU)))


@pytest.mark.parametrize(("size", "factor"), [(64, 0.75), (65, 0.4)])
def test_small_images_have_the_constants_of_cifar(
    make_dataset: Callable[..., Dataset], size: int, factor: float
) -> None:
    data = make_dataset(size=size)
    found = corruption.shifted(data, kind="contrast", severity=1).test.images  # type: ignore[union-attr]
    image = data.test.images[0].double()
    mean = image.mean(dim=(1, 2), keepdim=True)
    assert (found[0] - (mean + factor * (image - mean))).abs().max() <= 0.5 + 1e-6
