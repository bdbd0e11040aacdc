"""What a plugin's `load` may get wrong: one line for each fault, and none where all is right."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.datasets import Dataset, ImageSet, digits, imagefolder
from pipeline.datasets.shared.faults import faults


@pytest.fixture
def data(make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset(train=8, test=4, classes=2)


def test_what_is_right_has_no_fault(data: Dataset, make_folder: Callable[..., Path]) -> None:
    assert not list(faults(data))
    assert not list(faults(digits.load()))
    assert not list(faults(imagefolder.load(make_folder())))


def train(data: Dataset, **changes: Any) -> Dataset:
    return replace(data, train=replace(data.train, **changes))


TALL = torch.zeros(8, 3, 64, 32, dtype=torch.uint8)

CASES: dict[str, tuple[Callable[[Dataset], Any], list[str]]] = {
    "another type": (lambda data: [data], ["`load` returned list, not a Dataset or a Streamed"]),
    "no set": (lambda data: replace(data, test=None), ["the test set: NoneType, not an ImageSet"]),
    "short labels": (
        lambda data: train(data, labels=data.train.labels.int()),
        [r"training labels: int32 \[8\], not int64 \[N\]"],
    ),
    "numpy labels": (
        lambda data: train(data, labels=data.train.labels.numpy()),
        ["training labels: ndarray, not a torch.Tensor"],
    ),
    "label 2 of 2": (
        lambda data: train(data, labels=data.train.labels * 2),
        ["training labels: 2 is not from 0 to 1, with 2 classes"],
    ),
    "a negative label": (
        lambda data: train(data, labels=data.train.labels - 1),
        ["training labels: -1 is not from 0 to 1"],
    ),
    "a class without images": (
        lambda data: train(data, labels=data.train.labels * 0),
        ["training labels: no image of class class 1"],
    ),
    "one class": (
        lambda data: replace(
            train(data, labels=data.train.labels * 0),
            test=replace(data.test, labels=data.test.labels * 0),
            classes=("cat",),
        ),
        ["classes: 1, not at least 2"],
    ),
    "a list of classes": (
        lambda data: replace(data, classes=["cat", "dog"]),
        [r"classes: \['cat', 'dog'\] is not a tuple of texts"],
    ),
    "numbers as classes": (
        lambda data: replace(data, classes=(0, 1)),
        [r"classes: \(0, 1\) is not a tuple of texts"],
    ),
    "ids twice": (
        lambda data: train(data, ids=torch.tensor([0, 1, 2, 3, 4, 5, 6, 3])),
        ["training ids: 3 names more than one image"],
    ),
    "ids too few": (
        lambda data: train(data, ids=torch.arange(7)),
        ["training ids: 7, but 8 labels"],
    ),
    "fractions as ids": (
        lambda data: train(data, ids=torch.rand(8)),
        [r"training ids: float32 \[8\], not int64"],
    ),
    "images too few": (
        lambda data: train(data, images=data.train.images[:7]),
        ["training images: 7, but 8 labels"],
    ),
    "fractions as images": (
        lambda data: train(data, images=data.train.images / 255),
        [r"training images: float32 \[8, 3, 8, 8\], not uint8 \[N, 3, H, W\]"],
    ),
    "grey images": (
        lambda data: train(data, images=data.train.images[:, :1]),
        [r"training images: \[8, 1, 8, 8\], not \[N, 3, H, W\]"],
    ),
    "channels last": (
        lambda data: train(data, images=data.train.images.permute(0, 2, 3, 1)),
        [r"training images: \[8, 8, 8, 3\], not \[N, 3, H, W\]"],
    ),
    "not square": (
        lambda data: replace(
            train(data, images=TALL), test=replace(data.test, images=TALL[:4])
        ),
        ["training images: 64×32 pixels, not square", "test images: 64×32 pixels, not square"],
    ),
    "two sizes": (
        lambda data: replace(
            data, test=replace(data.test, images=torch.zeros(4, 3, 9, 9, dtype=torch.uint8))
        ),
        ["images of 8×8 pixels to train on, of 9×9 to test on"],
    ),
    "an empty set": (
        lambda data: replace(
            data, test=ImageSet(data.test.images[:0], data.test.labels[:0], data.test.ids[:0])
        ),
        ["test set: it is empty"],
    ),
    "one mean": (lambda data: replace(data, mean=0.5), ["mean: 0.5 is not a tuple of three"]),
    "a list of means": (
        lambda data: replace(data, mean=[0.5, 0.5, 0.5]),
        [r"mean: \[0.5, 0.5, 0.5\] is not a tuple of three floats"],
    ),
    "a mean of pixels to 255": (
        lambda data: replace(data, mean=(128.0, 128.0, 128.0)),
        ["mean: .* is not at least 0 and at most 1; pixels are in"],
    ),
    "std 0": (
        lambda data: replace(data, std=(0.2, 0.0, 0.2)),
        ["std: .* is not above 0 and at most 1"],
    ),
    "std nan": (
        lambda data: replace(data, std=(0.2, float("nan"), 0.2)),
        ["std: .* is not a tuple of three floats"],
    ),
    "a fraction to pad": (
        lambda data: replace(data, pad=0.5),
        ["pad: 0.5 is not a whole number of at least 0"],
    ),
    "several": (
        lambda data: replace(train(data, labels=data.train.labels.int()), mean=0.5, std=None),
        ["mean: 0.5", "std: None", "training labels: int32"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_fault_is_a_line(data: Dataset, case: str) -> None:
    spoil, expected = CASES[case]
    found = list(faults(spoil(data)))
    assert len(found) == len(expected), found
    for line, pattern in zip(found, expected, strict=True):
        assert "\n" not in line
        assert re.match(pattern, line), line
