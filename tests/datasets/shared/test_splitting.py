"""Training images that are held out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.datasets import Dataset, imagefolder
from pipeline.datasets.shared.splitting import validation, without_validation
from pipeline.errors import PipelineError


def test_each_class_gives_its_share(make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset(train=46, classes=4)  # 12, 12, 11 and 11 images
    kept, held_out = without_validation(data, 0.25, 0), validation(data, 0.25, 0)
    assert torch.bincount(held_out.test.labels).tolist() == [3, 3, 3, 3]
    assert torch.bincount(kept.train.labels).tolist() == [9, 9, 8, 8]
    ids = torch.cat([kept.train.ids, held_out.test.ids])
    assert sorted(ids.tolist()) == data.train.ids.tolist()
    for part in (kept.train, held_out.test):
        assert torch.equal(part.images, data.train.images[part.ids])  # type: ignore[union-attr]
        assert torch.equal(part.labels, data.train.labels[part.ids])
    assert torch.equal(kept.test.ids, data.test.ids)
    assert len(held_out.train) == 0
    held_out.check()
    kept.check()


def test_the_seed_decides_which(make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset(train=80)
    first, again, other = (validation(data, 0.25, seed).test.ids for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_one_image_of_each_class_stays(make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset(train=8, classes=4)
    assert torch.bincount(without_validation(data, 0.99, 0).train.labels).tolist() == [1] * 4
    with pytest.raises(PipelineError, match=r"validation: 0\.1 of so few"):
        without_validation(data, 0.1, 0)


def test_files_are_held_out_with_their_names(make_folder: Callable[..., Path]) -> None:
    data = imagefolder.load(make_folder(), crop_size=32)
    digests = torch.arange(len(data.train), dtype=torch.uint8)[:, None].repeat(1, 32)
    data = replace(data, train=replace(data.train, digests=digests))
    kept, held_out = without_validation(data, 0.5, 0), validation(data, 0.5, 0)
    names = [part.name(row) for part in (kept.train, held_out.test) for row in range(len(part))]  # type: ignore[union-attr]
    assert sorted(names) == [data.train.name(row) for row in range(len(data.train))]
    digests = held_out.test.digests  # type: ignore[union-attr]
    assert digests[:, 0].tolist() == held_out.test.ids.tolist()
