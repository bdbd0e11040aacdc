"""CIFAR-10: 50,000 training and 10,000 test images of 32×32 pixels in 10 classes.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
"""

from pathlib import Path

from torchvision.datasets import CIFAR10

from pipeline.datasets import Dataset
from pipeline.datasets.shared.cifar import read

LABEL = "CIFAR-10"


def load(path: Path | None = None, *, download: bool = False) -> Dataset:
    """Read CIFAR-10 from `path`, the folder that holds ``cifar-10-batches-py``; see `read`."""
    return read(CIFAR10, path, download)
