"""SVHN: 73,257 training and 26,032 test images of house numbers, 32×32 pixels in 10 classes.

Source: Y. Netzer et al., Reading Digits in Natural Images with Unsupervised Feature Learning, NIPS
workshop 2011.
"""

from pathlib import Path

import torch
from torchvision.datasets import SVHN

from pipeline.datasets import Dataset, ImageSet
from pipeline.errors import PipelineError

LABEL = "SVHN"


def load(path: Path | None = None, *, download: bool = False) -> Dataset:
    """Read SVHN from `path`, the folder that holds ``train_32x32.mat`` and ``test_32x32.mat``.

    Raises:
        PipelineError: the folder does not hold them, or they cannot be downloaded.
    """
    root = path or Path("data/svhn")
    try:
        train, test = (SVHN(str(root), split, download=download) for split in ("train", "test"))
    except OSError as error:
        raise PipelineError(f"SVHN could not be read from {root}: {error}") from None
    except RuntimeError:
        files = ", ".join(SVHN.split_list[split][1] for split in ("train", "test"))
        raise PipelineError(
            f"SVHN is not in {root}: expected {files} with the published checksums; give their "
            "folder as `path:`, or set `download: true`"
        ) from None
    return Dataset(
        train=_image_set(train, first_id=0),
        test=_image_set(test, first_id=len(train)),
        classes=tuple("0123456789"),
        # The customary normalisation of images that have none of their own.
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        pad=4,
        flip=False,
        source=f"SVHN {SVHN.split_list['train'][2]} {SVHN.split_list['test'][2]}",
    )


def _image_set(part: SVHN, first_id: int) -> ImageSet:
    ids = torch.arange(first_id, first_id + len(part.data))
    return ImageSet(torch.from_numpy(part.data), torch.from_numpy(part.labels).long(), ids)
