"""Folders of images, one for each class: what `imagefolder` and `imagenet` share.

    path/train/CLASS/….jpg
    path/val/CLASS/….jpg

The files are listed, not read. The list is sorted by bytes, so it depends neither on the file
system nor on the language of the machine. What is hidden, at any depth, is no image.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS

from pipeline.datasets import ImageFiles, StreamedDataset
from pipeline.datasets.shared.decoding import decoder as check_decoder
from pipeline.datasets.shared.types import is_hidden
from pipeline.errors import PipelineError
from pipeline.progress import say, track

# The mean and standard deviation of ImageNet's pixels, as in pytorch/examples and torchvision.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Listed(NamedTuple):
    """A file: its name relative to the root, its size in bytes, and its label."""

    name: bytes
    size: int
    label: int


# From the root, a part's folder and the classes to the part's files, sorted; what has another
# extension is counted by it.
Lister = Callable[[Path, str, list[str], Counter[str]], list[Listed]]


def read(
    root: Path,
    *,
    train: str = "train",
    test: str = "val",
    crop_size: int = 224,
    resize_size: int = 0,
    decoder: str = "pillow",
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
    flip: bool = True,
    scale: tuple[float, float] = (0.08, 1.0),
    orient: bool = False,
    list_test: Lister | None = None,
) -> StreamedDataset:
    """List the images of the training and of the test set.

    Args:
        root: The folder that holds both.
        train: The training set's folder.
        test: The test set's folder.
        crop_size: Height and width in pixels of what the network gets.
        resize_size: The shorter side of a test picture before its centre is cropped; 0 means as
            much larger than `crop_size` as 256 is than 224.
        decoder: What decodes JPEG files.
        mean: Mean of each channel, of pixels in [0, 1].
        std: Standard deviation of each channel.
        flip: Whether training images are mirrored at random.
        scale: The smallest and the largest part of a picture's area that a training image shows.
        orient: Whether pictures are turned as their EXIF data say.
        list_test: What lists the test set; without, it has one folder for each class, too.

    Raises:
        PipelineError: a folder is missing or empty, both do not hold the same classes, an option
            makes no sense, or the decoder is not installed.
    """
    check_decoder(decoder)
    resize_size = resize_size or round(crop_size * 256 / 224)
    if resize_size < crop_size:
        raise PipelineError(f"resize_size is {resize_size}, not at least crop_size {crop_size}")
    if not 0 < scale[0] <= scale[1] <= 1:
        raise PipelineError(f"scale is {list(scale)}, not [least, most] with 0 < least ≤ most ≤ 1")
    train, test = (_within(key, name) for key, name in (("train", train), ("test", test)))
    if os.path.realpath(root / train) == os.path.realpath(root / test):
        raise PipelineError(f"{root / train} would be the training and the test set")
    classes = _classes(root / train)
    if list_test is None:
        _compare(root / train, classes, root / test, _classes(root / test))
    left_out: Counter[str] = Counter()
    first = _in_classes(root, train, classes, left_out)
    second = (list_test or _in_classes)(root, test, classes, left_out)
    if left_out:
        ordered = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
        found = ", ".join(f"{number:,} {kind}" for kind, number in ordered)
        say(f"left out: {found}; images end in {', '.join(IMG_EXTENSIONS)}")
    checksum = hashlib.sha256()
    for entry in (*first, *second):
        checksum.update(b"%s\0%d\0%d\0" % entry)
    return StreamedDataset(
        train=_image_files(first, first_id=0),
        test=_image_files(second, first_id=len(first)),
        classes=tuple(classes),
        mean=mean,
        std=std,
        image_size=crop_size,
        resize_size=resize_size,
        source=f"{len(first) + len(second)} files, sha256 {checksum.hexdigest()}",
        root=root,
        decoder=decoder,
        flip=flip,
        scale=scale,
        orient=orient,
    )


def _within(key: str, name: str) -> str:
    """A folder's name relative to the root, which may lie elsewhere tomorrow."""
    plain = os.path.normpath(name)
    if plain == "." or os.path.isabs(plain) or plain.startswith(".."):
        raise PipelineError(f"{key}: {name!r} is not a folder within `path:`")
    return plain


def _compare(train: Path, classes: list[str], test: Path, others: list[str]) -> None:
    """Raise PipelineError unless two folders hold the same classes."""
    for one, names, other, known in (
        (train, classes, test, others),
        (test, others, train, classes),
    ):
        if lacking := sorted(set(names) - set(known), key=os.fsencode):
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise PipelineError(f"{one / lacking[0]}{more}: there is no such class in {other}")


def _classes(folder: Path) -> list[str]:
    """The names of a folder's folders, sorted by bytes."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    except OSError as error:
        raise PipelineError(
            f"{folder}: {error.strerror}; expected `path:` to hold train/ and val/, each with one "
            "folder for each class; `train:` and `test:` give them other names"
        ) from None
    names = [name for name in names if not is_hidden(name)]
    if not names:
        raise PipelineError(f"{folder} holds no folders, expected one for each class")
    return sorted(names, key=os.fsencode)


def _in_classes(root: Path, part: str, classes: list[str], left_out: Counter[str]) -> list[Listed]:
    """The files of a part that has one folder for each class."""
    found = []
    for label, name in enumerate(track(classes, f"classes of {part}", len(classes))):
        others: Counter[str] = Counter()
        files = sorted(images(root, f"{part}/{name}", others))
        if not files:
            kinds = f", only {', '.join(sorted(others))}" if others else ""
            raise PipelineError(f"{root / part / name} holds no images{kinds}")
        left_out += others
        found += [Listed(file, size, label) for file, size in files]
    return found


def images(root: Path, folder: str, left_out: Counter[str]) -> Iterator[tuple[bytes, int]]:
    """Image files in a folder and those within it: names relative to the root, and sizes.

    What has another extension is counted by it.
    """
    for entry in os.scandir(root / folder):
        name = f"{folder}/{entry.name}"
        if is_hidden(entry.name):
            continue
        if entry.is_dir():
            yield from images(root, name, left_out)
        elif entry.name.lower().endswith(IMG_EXTENSIONS):
            yield os.fsencode(name), _size(entry)
        else:
            left_out[os.path.splitext(entry.name)[1].lower() or "without extension"] += 1


def _size(entry: os.DirEntry[str]) -> int:
    """A file's size in bytes; 0 for a link to nowhere, which cannot be read either."""
    try:
        return entry.stat().st_size
    except OSError:
        return 0


def _image_files(files: list[Listed], first_id: int) -> ImageFiles:
    return ImageFiles(
        _padded([file.name for file in files]),
        torch.tensor([file.size for file in files]),
        torch.tensor([file.label for file in files]),
        torch.arange(first_id, first_id + len(files)),
    )


def _padded(names: list[bytes]) -> Tensor:
    """Names as uint8 [N, L], filled up with zeros."""
    rows = np.array(names)  # numpy pads byte strings so
    return torch.from_numpy(rows.view(np.uint8).reshape(len(names), -1).copy())
