"""The 1,797 handwritten digits that come with scikit-learn, brought to 3×32×32 pixels.

Half of them, stratified by class, are for testing: with fewer there would be too few errors to
rank. Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
Learning Repository, 1998.
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn import functional as F

from pipeline.datasets import Dataset, ImageSet

LABEL = "Digits"


def load(path: Path | None = None) -> Dataset:
    """Read the digits; `path` is not used, the images come with scikit-learn."""
    raw = load_digits()
    small = torch.from_numpy(raw.images).float()[:, None] * (255 / 16)
    large = F.interpolate(small, size=(32, 32), mode="bilinear", align_corners=False)
    images = large.round().to(torch.uint8).expand(-1, 3, -1, -1).contiguous()
    labels = torch.from_numpy(raw.target).long()
    split = train_test_split(
        np.arange(len(labels)), test_size=0.5, stratify=raw.target, random_state=0
    )
    train, test = (torch.from_numpy(np.sort(ids)) for ids in split)
    pixels = images[train].float() / 255
    mean, std = float(pixels.mean()), float(pixels.std())
    return Dataset(
        train=ImageSet(images[train], labels[train], train),
        test=ImageSet(images[test], labels[test], test),
        classes=tuple(str(name) for name in raw.target_names),
        mean=(mean, mean, mean),
        std=(std, std, std),
        pad=2,
        flip=False,
        source="scikit-learn load_digits",
    )
