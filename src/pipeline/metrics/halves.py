"""Two halves of the test images, so that what is fitted to one can be tried on the other."""

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.metrics.ranking import Bools, Floats

# Mean logits [M, C], labels [M] and ids [M] of the images to fit to.
Clean = tuple[ArrayLike, ArrayLike, ArrayLike]


def halves(ids: ArrayLike) -> Bools:
    """Which half each image is in, [N], from a hash of its id: the same in every test set.

    Args:
        ids: [N], numbers or words; a number and the word for it are the same.
    """
    return np.asarray(_hashes(ids) % 2 == 1)


def dice(ids: ArrayLike) -> Floats:
    """A number in [0, 1) for each image, [N], from the same hash, but apart from the halves."""
    return (_hashes(ids) >> np.uint64(11)) / 2.0**53


def _hashes(ids: ArrayLike) -> NDArray[np.uint64]:
    digests = (blake2b(str(each).encode(), digest_size=8) for each in np.asarray(ids).tolist())
    return np.frombuffer(b"".join(each.digest() for each in digests), "<u8")
