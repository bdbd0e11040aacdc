"""Any folder of images: ``train/`` and ``val/``, each with one folder for each class.

The layout of torchvision's ImageFolder. The images of ``val/`` are the test set.
"""

from pathlib import Path
from typing import Literal

from pipeline.datasets import StreamedDataset
from pipeline.datasets.shared.folders import read


def load(
    path: Path | None = None,
    *,
    train: str = "train",
    test: str = "val",
    crop_size: int = 224,
    resize_size: int = 0,
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
    std: tuple[float, float, float] = (0.229, 0.224, 0.225),
    flip: bool = True,
    scale: tuple[float, float] = (0.08, 1.0),
    orient: bool = False,
    decoder: Literal["pillow", "simplejpeg"] = "pillow",
) -> StreamedDataset:
    """List the images under `path`, by default ``data/imagefolder``; see `read`."""
    return read(
        path or Path("data/imagefolder"),
        train=train,
        test=test,
        crop_size=crop_size,
        resize_size=resize_size,
        mean=mean,
        std=std,
        flip=flip,
        scale=scale,
        orient=orient,
        decoder=decoder,
    )
