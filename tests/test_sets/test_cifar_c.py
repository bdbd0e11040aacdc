"""The published arrays, in files of their layout."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.datasets import Dataset, imagefolder
from pipeline.errors import PipelineError
from pipeline.test_sets import cifar_c

COUNT = 20


@pytest.fixture
def data(make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset(test=COUNT, size=32)


@pytest.fixture
def folder(tmp_path: Path, data: Dataset) -> Path:
    """Image n of severity s is all 10 s + n % 10; labels repeat for each severity."""
    images = np.zeros((5 * COUNT, 32, 32, 3), np.uint8)
    for row in range(5 * COUNT):
        images[row] = 10 * (row // COUNT + 1) + row % 10
    images[:, 0, 1] = (1, 2, 3)
    np.save(tmp_path / "fog.npy", images)
    np.save(tmp_path / "labels.npy", np.tile(data.test.labels.numpy(), 5).astype(np.uint8))
    return tmp_path


def test_a_severity_is_a_fifth_of_the_rows(folder: Path, data: Dataset) -> None:
    found = cifar_c.shifted(data, folder, kind="fog", severity=4)
    assert isinstance(found, Dataset)
    assert found.test.images.shape == (COUNT, 3, 32, 32)
    assert found.test.images[:, 0, 5, 5].tolist() == [40 + n % 10 for n in range(COUNT)]
    # The second column of the first row, in the order of the colours.
    assert found.test.images[7, :, 0, 1].tolist() == [1, 2, 3]
    assert torch.equal(found.test.ids, data.test.ids)


def test_a_file_that_is_missing_is_named(folder: Path, data: Dataset) -> None:
    with pytest.raises(PipelineError, match=r"snow\.npy: No such file.*`path:`"):
        cifar_c.shifted(data, folder, kind="snow", severity=1)
    (folder / "labels.npy").unlink()
    with pytest.raises(PipelineError, match=r"labels\.npy: No such file"):
        cifar_c.shifted(data, folder, kind="fog", severity=1)


def test_arrays_of_another_kind_are_refused(folder: Path, data: Dataset) -> None:
    np.save(folder / "snow.npy", np.zeros((4 * COUNT, 32, 32, 3), np.uint8))
    with pytest.raises(PipelineError, match=r"uint8 \[80, 32, 32, 3\], not uint8 \[100, 32"):
        cifar_c.shifted(data, folder, kind="snow", severity=1)
    np.save(folder / "snow.npy", np.zeros((5 * COUNT, 32, 32, 3), np.float32))
    with pytest.raises(PipelineError, match="float32"):
        cifar_c.shifted(data, folder, kind="snow", severity=1)
    (folder / "snow.npy").write_bytes((folder / "fog.npy").read_bytes()[:1000])
    with pytest.raises(PipelineError, match="not a whole array"):
        cifar_c.shifted(data, folder, kind="snow", severity=1)


def test_labels_of_other_images_are_refused(folder: Path, data: Dataset) -> None:
    labels = np.load(folder / "labels.npy")
    labels[COUNT + 3] += 1  # of severity 2
    np.save(folder / "labels.npy", labels)
    cifar_c.shifted(data, folder, kind="fog", severity=1)
    with pytest.raises(PipelineError, match="CIFAR-100-C for cifar100"):
        cifar_c.shifted(data, folder, kind="fog", severity=2)


def test_pictures_in_files_are_refused(folder: Path, make_folder: Callable[..., Path]) -> None:
    streamed = imagefolder.load(make_folder(), crop_size=32)
    with pytest.raises(PipelineError, match="in files"):
        cifar_c.shifted(streamed, folder, kind="fog", severity=1)
