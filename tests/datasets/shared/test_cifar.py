"""CIFAR: torchvision's layout is read, and a folder without it is named."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, CIFAR100

from pipeline.datasets import cifar10, cifar100
from pipeline.errors import PipelineError


def lay_out(root: Path, reader: Any, images: int) -> np.ndarray[Any, Any]:
    """Files in CIFAR's own format, with few random images."""
    folder = root / reader.base_folder
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (images, 3072), np.uint8)
    classes = 100 if reader is CIFAR100 else 10
    key = "fine_labels" if reader is CIFAR100 else "labels"
    for name, _ in reader.train_list + reader.test_list:
        labels = [i % classes for i in range(images)]
        (folder / name).write_bytes(pickle.dumps({"data": pixels, key: labels}))
    names = {reader.meta["key"]: [f"class {k}" for k in range(classes)]}
    (folder / reader.meta["filename"]).write_bytes(pickle.dumps(names))
    return pixels


@pytest.mark.parametrize(
    ("reader", "module", "train"), [(CIFAR10, cifar10, 500), (CIFAR100, cifar100, 100)]
)
def test_images_and_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Any, module: Any, train: int
) -> None:
    pixels = lay_out(tmp_path, reader, 100)
    monkeypatch.setattr(reader, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    data = module.load(tmp_path)
    data.check()
    assert (len(data.train), len(data.test)) == (train, 100)
    assert data.test.images.numpy().reshape(100, -1).tolist() == pixels.tolist()
    assert data.test.ids[0] == train
    assert (data.pad, data.flip) == (4, True)


@pytest.mark.parametrize("module", [cifar10, cifar100])
def test_a_missing_folder_is_named_with_what_is_expected(tmp_path: Path, module: Any) -> None:
    with pytest.raises(PipelineError, match=r"expected .*cifar-10.*download: true") as caught:
        module.load(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_each_way_to_miss_it_is_told(tmp_path: Path) -> None:
    """What is there, and what to do about it."""
    lay_out(tmp_path, CIFAR10, 20)
    folder = tmp_path / CIFAR10.base_folder

    def said(path: Path) -> str:
        with pytest.raises(PipelineError) as caught:
            cifar10.load(path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    wrong = said(tmp_path)
    assert f"{folder / 'data_batch_1'} has another checksum; extract" in wrong
    assert "download: true" in wrong
    assert f"give its parent: `path: {tmp_path}`" in said(folder)
    (folder / "data_batch_3").unlink()
    (tmp_path / CIFAR10.filename).write_bytes(b"archive")
    partial = said(tmp_path)
    assert f"{folder} has 6 of 7 files, data_batch_3 missing; extract it again: tar" in partial
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    archive = tmp_path / CIFAR10.filename
    assert f"{archive} is not extracted: tar -xzf {archive} -C {tmp_path}" in said(tmp_path)
