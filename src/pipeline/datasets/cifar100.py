"""CIFAR-100: 50,000 training and 10,000 test images of 32×32 pixels in 100 classes.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
"""

from pathlib import Path

from torchvision.datasets import CIFAR100

from pipeline.datasets import Dataset
from pipeline.datasets.shared.cifar import read

LABEL = "CIFAR-100"


def load(path: Path | None = None, *, download: bool = False) -> Dataset:
    """Read CIFAR-100 from `path`, the folder that holds ``cifar-100-python``; see `read`."""
    return read(CIFAR100, path, download)
