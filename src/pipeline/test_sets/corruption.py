"""Corrupted test images, made from the data set's own.

The constants are those of Hendrycks and Dietterich, Benchmarking Neural Network Robustness to
Common Corruptions and Perturbations, ICLR 2019: of CIFAR-10-C for images of up to 64 pixels, of
ImageNet-C for larger ones, which are corrupted after the crop, as theirs are.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets import AnyDataset
from pipeline.seeds import derive_seed
from pipeline.test_sets.shared.changing import changed
from pipeline.test_sets.shared.corruptions import corrupt

KINDS = (
    "gaussian_noise", "shot_noise", "impulse_noise", "gaussian_blur", "defocus_blur", "brightness",
    "contrast", "pixelate", "jpeg_compression",
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
    """The data set with corrupted test images; `path` is not used.

    Args:
        data: The data set.
        path: Of no use.
        seed: Decides the noise, with the image's id: it is no other at another severity.
        kind: Which corruption.
        severity: From 1, which is weak, to 5.
    """
    change = partial(_corrupted, kind=kind, severity=severity, seed=seed, size=data.image_size)
    return changed(data, change)


def _corrupted(
    pixels: NDArray[np.uint8], number: int, *, kind: str, severity: int, seed: int, size: int
) -> NDArray[np.uint8]:
    key = derive_seed(seed, "corruption", kind, number)
    # Its numbers are the same in every version of numpy, those of `default_rng` need not be.
    random = np.random.RandomState([key & 0xFFFFFFFF, key >> 32])
    return corrupt(pixels, kind, severity, small=size <= 64, random=random)
