"""Images of another data set, ready for networks that never saw its classes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pipeline.datasets import Dataset, StreamedDataset, imagefolder
from pipeline.datasets.shared.outside import outside, resized


def test_images_have_the_size_and_the_normalisation_of_the_training(
    make_dataset: Callable[..., Dataset],
) -> None:
    data, other = make_dataset(size=8), make_dataset(size=16, classes=2, test=12)
    found = outside(data, other)
    assert isinstance(found, Dataset)
    assert found.test.images.shape == (12, 3, 8, 8)
    assert (found.classes, found.mean, found.std) == (data.classes, data.mean, data.std)
    assert found.test.labels.tolist() == [-1] * 12
    assert torch.equal(found.test.ids, other.test.ids)
    assert len(found.train) == 0
    found.check()


def test_resizing_is_pillows(make_dataset: Callable[..., Dataset]) -> None:
    images = make_dataset(size=16).test.images[:3]
    for size in (7, 16, 24):
        for image, found in zip(images, resized(images, size), strict=True):
            picture = Image.fromarray(image.permute(1, 2, 0).numpy())
            expected = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))
            difference = found.permute(1, 2, 0).numpy().astype(int) - expected
            assert np.abs(difference).max() <= 1


def test_files_are_decoded_at_the_size_of_the_training(
    make_dataset: Callable[..., Dataset], make_folder: Callable[..., Path]
) -> None:
    data, other = make_dataset(size=8), imagefolder.load(make_folder(), crop_size=28)
    found = outside(data, other)
    assert isinstance(found, StreamedDataset)
    assert (other.resize_size, found.image_size, found.resize_size) == (32, 8, 9)
    assert (found.mean, found.classes) == (data.mean, data.classes)
    assert set(found.test.labels.tolist()) == {-1}
    found.check()
