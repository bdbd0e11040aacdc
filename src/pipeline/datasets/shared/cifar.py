"""What CIFAR-10 and CIFAR-100 share: torchvision's reader and the customary normalisation."""

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
    expected = f"{root / reader.base_folder}, the folder of {name}'s python version"
    try:
        train, test = (reader(root, train=part, download=download) for part in (True, False))
    except OSError as error:
        raise PipelineError(f"{name} could not be downloaded to {root}: {error}") from None
    except RuntimeError:
        raise PipelineError(
            f"{name} is not in {root}: expected {expected}; give its parent folder as `path:`, "
            "or set `download: true`"
        ) from None
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


def _image_set(part: Any, first_id: int) -> ImageSet:
    images = torch.from_numpy(np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)))
    ids = torch.arange(first_id, first_id + len(images))
    return ImageSet(images, torch.tensor(part.targets), ids)
