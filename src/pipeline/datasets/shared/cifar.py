"""What CIFAR-10 and CIFAR-100 share: torchvision's reader and the customary normalisation."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.datasets import Dataset, ImageSet
from pipeline.errors import PipelineError


def read(reader: Any, path: Path | None, download: bool) -> Dataset:
    """Read a CIFAR data set with torchvision's `reader`, which checks the files' MD5 sums.

    Raises:
        PipelineError: the folder does not hold the data set, or it cannot be downloaded.
    """
    name = reader.__name__
    root = path or Path("data")
    try:
        train, test = (reader(root, train=part, download=download) for part in (True, False))
    except OSError as error:
        raise PipelineError(f"{name} could not be downloaded to {root}: {error}") from None
    except RuntimeError:
        raise PipelineError(f"{name} is not in {root}: {_reason(reader, root)}") from None
    return Dataset(
        train=_image_set(train, first_id=0),
        test=_image_set(test, first_id=len(train)),
        classes=tuple(train.classes),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2023, 0.1994, 0.2010),
        pad=4,
        flip=True,
        source=f"{name} {reader.tgz_md5}",
    )


def _reason(reader: Any, root: Path) -> str:
    """Why a folder does not hold a data set, and what to do about it."""
    folder, archive = root / reader.base_folder, root / reader.filename
    wanted = {
        **dict(reader.train_list),
        **dict(reader.test_list),
        reader.meta["filename"]: reader.meta["md5"],
    }
    extract = f"extract it again: tar -xzf {archive} -C {root}"
    if not archive.is_file():
        extract = f"extract {reader.filename} again into {root}, or set `download: true`"
    if folder.is_dir():
        lacking = [name for name in wanted if not (folder / name).is_file()]
        if lacking:
            found = f"{len(wanted) - len(lacking)} of {len(wanted)} files"
            return f"{folder} has {found}, {', '.join(lacking[:3])} missing; {extract}"
        damaged = [name for name, md5 in wanted.items() if _md5(folder / name) != md5]
        return f"{folder / damaged[0] if damaged else folder} has another checksum; {extract}"
    if any((root / name).is_file() for name in wanted):
        return f"that is the folder with the files; give its parent: `path: {root.parent}`"
    if archive.is_file():
        return f"{archive} is not extracted: tar -xzf {archive} -C {root}"
    return (
        f"expected {folder}, the folder of its python version; give its parent folder as `path:`, "
        "or set `download: true`"
    )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _image_set(part: Any, first_id: int) -> ImageSet:
    images = torch.from_numpy(np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)))
    ids = torch.arange(first_id, first_id + len(images))
    return ImageSet(images, torch.tensor(part.targets), ids)
