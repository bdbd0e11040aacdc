"""Test images that are changed one by one."""

from dataclasses import replace

import torch

from pipeline.datasets import AnyDataset, StreamedDataset
from pipeline.datasets.shared.types import Change
from pipeline.progress import track


def changed(data: AnyDataset, change: Change) -> AnyDataset:
    """The data set with each test image changed.

    Images in memory are changed now; those that stay in their files whenever they are read, once
    they are cropped.
    """
    if isinstance(data, StreamedDataset):
        return replace(data, change=change)
    images = torch.empty_like(data.test.images)
    ids = data.test.ids.tolist()
    for row, image in enumerate(track(data.test.images, "changed images", len(ids))):
        pixels = change(image.permute(1, 2, 0).numpy(), ids[row])
        images[row] = torch.from_numpy(pixels).permute(2, 0, 1)
    return replace(data, test=replace(data.test, images=images))
