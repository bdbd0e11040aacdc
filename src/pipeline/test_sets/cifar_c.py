"""CIFAR-10-C and CIFAR-100-C: the corrupted CIFAR test images as they were published.

A folder holds one ``KIND.npy`` for each corruption, uint8 [50000, 32, 32, 3], 10,000 images for
each severity, and ``labels.npy``. Source: D. Hendrycks and T. Dietterich, Benchmarking Neural
Network Robustness to Common Corruptions and Perturbations, ICLR 2019.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.datasets import AnyDataset, Dataset
from pipeline.errors import PipelineError

LABEL = "CIFAR-C"
PATH = "the folder of the published arrays, such as data/CIFAR-10-C"

KINDS = (
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur",
    "zoom_blur", "snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate",
    "jpeg_compression", "speckle_noise", "gaussian_blur", "spatter", "saturate",
)  # fmt: skip
SEVERITIES = (1, 2, 3, 4, 5)


def shifted(
    data: AnyDataset,
    path: Path | None = None,
    *,
    seed: int = 0,
    kind: Annotated[str, KINDS] = "",
    severity: Annotated[int, SEVERITIES] = 0,
) -> AnyDataset:
    """The data set with the published images of one corruption and severity.

    Args:
        data: CIFAR-10 or CIFAR-100.
        path: The folder.
        seed: Of no use.
        kind: Which corruption.
        severity: From 1, which is weak, to 5.

    Raises:
        PipelineError: a file is missing, is no such array, or is of other images than the data
            set's test images.
    """
    assert path is not None
    if not isinstance(data, Dataset):
        raise PipelineError(f"{path}: CIFAR's images are in memory, those of the data set in files")
    images = _array(path, f"{kind}.npy")
    labels = _array(path, "labels.npy")
    wanted = (5, *data.test.images.permute(0, 2, 3, 1).shape)
    found, count = images.shape, len(data.test)
    if images.dtype != np.uint8 or found != (5 * count, *wanted[2:]):
        raise PipelineError(
            f"{path / f'{kind}.npy'}: {images.dtype} {list(found)}, not uint8 "
            f"{[5 * count, *wanted[2:]]}: 5 times the {count} test images"
        )
    if labels.shape != (5 * count,):
        raise PipelineError(f"{path / 'labels.npy'}: {list(labels.shape)}, not [{5 * count}]")
    rows = slice((severity - 1) * count, severity * count)
    if (labels[rows] != data.test.labels.numpy()).any():
        raise PipelineError(
            f"{path / 'labels.npy'}: other labels than those of the data set's test images, in "
            "their order; CIFAR-10-C is for cifar10, CIFAR-100-C for cifar100"
        )
    pixels = torch.from_numpy(np.ascontiguousarray(images[rows].transpose(0, 3, 1, 2)))
    return replace(data, test=replace(data.test, images=pixels))


def _array(path: Path, name: str) -> NDArray[Any]:
    """An array of the folder; only what is used of it is read."""
    try:
        found: NDArray[Any] = np.load(path / name, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        missing = f"{error.strerror or error}; expected `path:` to be {PATH}"
        raise PipelineError(f"{path / name}: {missing}") from None
    except (ValueError, EOFError):
        raise PipelineError(f"{path / name} is not a whole array of numpy") from None
    return found
