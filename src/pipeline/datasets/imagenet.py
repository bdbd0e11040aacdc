"""ImageNet (ILSVRC 2012): 1.28 million training and 50,000 validation images in 1,000 classes.

The validation images are the test set (paper, Section 6.1). They lie in one folder for each class,
or, as they were published, all in one, with a file of labels. Source: Russakovsky et al., ImageNet
Large Scale Visual Recognition Challenge, IJCV 2015.
"""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from torchvision.models import ResNet18_Weights

from pipeline.datasets import StreamedDataset
from pipeline.datasets.shared.folders import read
from pipeline.datasets.shared.labels import list_flat
from pipeline.errors import PipelineError

LABEL = "ImageNet"

WNID = re.compile(r"n\d{8}")
FIRST, LAST = "n01440764", "n15075141"  # tench, toilet tissue


def load(
    path: Path | None = None,
    *,
    train: str = "train",
    test: str = "val",
    test_labels: str = "",
    crop_size: int = 224,
    resize_size: int = 0,
    decoder: Literal["pillow", "simplejpeg"] = "pillow",
) -> StreamedDataset:
    """List ImageNet's images under `path`, by default ``data/imagenet``; see `read`.

    Args:
        path: The folder that holds the training and the validation images.
        train: The training images' folder.
        test: The validation images' folder.
        test_labels: A file with the validation images' classes, relative to `path`, where these
            images lie all in one folder; see `list_flat`.
        crop_size: Height and width in pixels of what the network gets.
        resize_size: The shorter side of a test picture before its centre is cropped.
        decoder: What decodes JPEG files.

    Raises:
        PipelineError: the folders are not those of the 1,000 classes, or the file of labels does
            not fit the images.
    """
    root = path or Path("data/imagenet")
    data = read(
        root,
        train=train,
        test=test,
        crop_size=crop_size,
        resize_size=resize_size,
        decoder=decoder,
        list_test=partial(list_flat, root / test_labels) if test_labels else None,
    )
    for name in data.classes:
        if not WNID.fullmatch(name):
            raise PipelineError(
                f"{root / train / name} is not a class of ImageNet, such as {FIRST}; "
                "use `imagefolder` for other images"
            )
    # In the order of these names; two pairs of classes share a readable one.
    readable = tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
    ends = (data.classes[0], data.classes[-1])
    if len(data.classes) != len(readable) or ends != (FIRST, LAST):
        raise PipelineError(
            f"{root / train} holds {len(data.classes)} classes from {ends[0]} to {ends[1]}, not "
            f"ImageNet's {len(readable)} from {FIRST} to {LAST}; use `imagefolder` for a part of it"
        )
    return replace(data, classes=readable)
