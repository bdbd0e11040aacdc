"""Images of another data set, made ready for networks that never saw its classes."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.datasets.shared.types import AnyDataset, Dataset, without_images

# The class of an image that is of none.
NO_CLASS = -1
BATCH = 1000


def outside(data: AnyDataset, other: AnyDataset) -> AnyDataset:
    """The test images of another data set at the size and with the normalisation of `data`.

    Their labels are `NO_CLASS`; the classes stay those of `data`, which networks predict.
    """
    labels = torch.full_like(other.test.labels, NO_CLASS)
    size = data.image_size
    shared = {"classes": data.classes, "mean": data.mean, "std": data.std, "role": "ood"}
    if isinstance(other, Dataset):
        test = replace(other.test, images=resized(other.test.images, size), labels=labels)
        return replace(other, train=without_images(test), test=test, **shared)  # type: ignore[arg-type]
    # The crop shows as much of the picture as it would for networks of its own.
    resize = max(size, round(size * other.resize_size / other.image_size))
    return replace(
        other,
        train=without_images(other.train),
        test=replace(other.test, labels=labels),
        image_size=size,
        resize_size=resize,
        **shared,  # type: ignore[arg-type]
    )


def resized(images: Tensor, size: int) -> Tensor:
    """Images uint8 [N, 3, H, W] as uint8 [N, 3, size, size], bilinear with antialiasing."""
    if images.shape[-1] == size:
        return images
    found = torch.empty(len(images), 3, size, size, dtype=torch.uint8)
    for part, some in zip(torch.split(found, BATCH), torch.split(images, BATCH), strict=True):
        larger = F.interpolate(
            some.float(), size=(size, size), mode="bilinear", antialias=True, align_corners=False
        )
        part.copy_(larger.round_().clamp_(0, 255))
    return found
