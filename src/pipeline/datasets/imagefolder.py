"""Any folder of images: ``train/`` and ``val/``, each with one folder a class.

The layout of torchvision's ImageFolder. The images of ``val/`` are the test set.
"""

from pathlib import Path
from typing import Literal

from pipeline.datasets import StreamedDataset
from pipeline.datasets.shared.folders import read


def load(
    path: Path | None = None,
    *,
    crop_size: int = 224,
    resize_size: int = 0,
    decoder: Literal["pillow", "simplejpeg"] = "pillow",
) -> StreamedDataset:
    """List the images under `path`, by default ``data/imagefolder``; see `read`."""
    root = path or Path("data/imagefolder")
    return read(root, crop_size=crop_size, resize_size=resize_size, decoder=decoder)
