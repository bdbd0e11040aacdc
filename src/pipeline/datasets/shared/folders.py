"""Folders of images, one a class: what `imagefolder` and `imagenet` share.

    path/train/CLASS/….jpg
    path/val/CLASS/….jpg

The files are listed, not read. The list is sorted by bytes, so it depends neither on the file
system nor on the language of the machine.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS

from pipeline.datasets import ImageFiles, StreamedDataset
from pipeline.datasets.shared.decoding import decoder as check_decoder
from pipeline.errors import PipelineError
from pipeline.progress import track

# The mean and standard deviation of ImageNet's pixels, as in pytorch/examples and torchvision.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def read(
    root: Path,
    *,
    crop_size: int = 224,
    resize_size: int = 0,
    decoder: str = "pillow",
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> StreamedDataset:
    """List the images of ``train/`` and ``val/``; the latter is the test set.

    Args:
        root: The folder that holds both.
        crop_size: Height and width in pixels of what the network gets.
        resize_size: The shorter side of a test picture before its centre is cropped; 0 means as
            much larger than `crop_size` as 256 is than 224.
        decoder: What decodes JPEG files.
        mean: Mean of each channel, of pixels in [0, 1].
        std: Standard deviation of each channel.

    Raises:
        PipelineError: a folder is missing or empty, both do not hold the same classes, or the
            decoder is not installed.
    """
    check_decoder(decoder)
    resize_size = resize_size or round(crop_size * 256 / 224)
    if resize_size < crop_size:
        raise PipelineError(f"resize_size is {resize_size}, not at least crop_size {crop_size}")
    train, test = (_classes(root / part) for part in ("train", "val"))
    for one, classes, other, others in (
        ("train", train, "val", test),
        ("val", test, "train", train),
    ):
        lacking = [name for name in classes if name not in others]
        if lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise PipelineError(
                f"{root / one / lacking[0]}{more}: there is no such class in {root / other}"
            )
    listed = {part: _listed(root, part, train) for part in ("train", "val")}
    checksum = hashlib.sha256()
    for names, sizes, labels in listed.values():
        for entry in zip(names, sizes, labels, strict=True):
            checksum.update(b"%s\0%d\0%d\0" % entry)
    first, second = (len(labels) for _, _, labels in listed.values())
    return StreamedDataset(
        train=_image_files(*listed["train"], first_id=0),
        test=_image_files(*listed["val"], first_id=first),
        classes=tuple(train),
        mean=mean,
        std=std,
        image_size=crop_size,
        resize_size=resize_size,
        source=f"{first + second} files, sha256 {checksum.hexdigest()}",
        root=root,
        decoder=decoder,
    )


def _classes(folder: Path) -> list[str]:
    """The names of a folder's folders, sorted by bytes."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    except OSError as error:
        raise PipelineError(
            f"{folder}: {error.strerror}; expected `path:` to hold train/ and val/, "
            "each with one folder a class"
        ) from None
    names = [name for name in names if not name.startswith(".")]
    if not names:
        raise PipelineError(f"{folder} holds no folders, expected one a class")
    return sorted(names, key=os.fsencode)


def _listed(root: Path, part: str, classes: list[str]) -> tuple[list[bytes], list[int], list[int]]:
    """Names relative to the root, sizes in bytes, and labels."""
    names, sizes, labels = [], [], []
    for label, name in enumerate(track(classes, f"classes of {part}", len(classes))):
        found = sorted(_images(root, f"{part}/{name}"))
        if not found:
            raise PipelineError(f"{root / part / name} holds no images")
        for file, size in found:
            if size == 0:
                raise PipelineError(f"{root / os.fsdecode(file)} is an empty file")
            names.append(file)
            sizes.append(size)
            labels.append(label)
    return names, sizes, labels


def _images(root: Path, folder: str) -> Iterator[tuple[bytes, int]]:
    """Image files in a folder and those within it: names relative to the root, and sizes."""
    for entry in os.scandir(root / folder):
        name = f"{folder}/{entry.name}"
        if entry.is_dir():
            yield from _images(root, name)
        elif entry.name.lower().endswith(IMG_EXTENSIONS):
            yield os.fsencode(name), entry.stat().st_size


def _image_files(
    names: list[bytes], sizes: list[int], labels: list[int], first_id: int
) -> ImageFiles:
    return ImageFiles(
        _padded(names),
        torch.tensor(sizes),
        torch.tensor(labels),
        torch.arange(first_id, first_id + len(names)),
    )


def _padded(names: list[bytes]) -> Tensor:
    """Names as uint8 [N, L], filled up with zeros."""
    rows = np.array(names)  # numpy pads byte strings so
    return torch.from_numpy(rows.view(np.uint8).reshape(len(names), -1).copy())
