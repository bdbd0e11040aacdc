"""Training images that are held out, to choose a sparsity or an option by."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pipeline.datasets.shared.types import AnyDataset, chosen, without_images
from pipeline.errors import PipelineError
from pipeline.seeds import derive_seed


def without_validation(data: AnyDataset, share: float, seed: int) -> AnyDataset:
    """The data set without the training images that are held out."""
    held_out = _held_out(data, share, seed)
    return replace(data, train=chosen(data.train, torch.where(~held_out)[0]))  # type: ignore[arg-type]


def validation(data: AnyDataset, share: float, seed: int) -> AnyDataset:
    """The data set with the training images that are held out in the place of its test images."""
    rows = torch.where(_held_out(data, share, seed))[0]
    train, test = without_images(data.train), chosen(data.train, rows)
    return replace(data, train=train, test=test, role="validation")  # type: ignore[arg-type]


def _held_out(data: AnyDataset, share: float, seed: int) -> Tensor:
    """Which training images are held out, bool [N]: of each class the share, at random.

    The number of a class is rounded; one image at least stays for training.

    Raises:
        PipelineError: none would be held out.
    """
    labels = data.train.labels
    found = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(len(data.classes)):
        rows = torch.where(labels == label)[0]
        count = min(int(share * len(rows) + 0.5), len(rows) - 1)
        key = derive_seed(seed, "validation", label)
        # Its numbers are the same in every version of numpy.
        random = np.random.RandomState([key & 0xFFFFFFFF, key >> 32])
        found[rows[torch.from_numpy(random.permutation(len(rows))[: max(count, 0)])]] = True
    if not found.any():
        raise PipelineError(
            f"validation: {share:g} of so few images of each class is none; give a larger share"
        )
    return found
