"""One threshold for a whole network: which layers lose how many channels.

Scores of different layers must mean the same before they are compared. A criterion says how its
scores become so in a function `across_layers`; where it has none, each layer's are divided by their
mean. Without that, narrow layers and layers with small maps would collapse first. And however low
its scores are, a layer keeps a tenth of its channels.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor

from pipeline.errors import PipelineError

SHARE_THAT_STAYS = 0.1


def divided_by_means(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Scores whose mean is 1 in each layer; a layer whose scores are all zero keeps them."""
    return {
        name: each.double() / (each.double().abs().mean() or 1.0) for name, each in scores.items()
    }


def largest(scores: Sequence[npt.NDArray[np.float64]], keeps: float = SHARE_THAT_STAYS) -> int:
    """How many channels can go in all groups together. Each group keeps a share of its channels."""
    return sum(len(each) - _stays(each, keeps) for each in scores)


def removed_below_one_threshold(
    scores: Sequence[npt.NDArray[np.float64]], number: int, keeps: float = SHARE_THAT_STAYS
) -> list[int]:
    """How many channels each group loses when the lowest scores of all groups go.

    Args:
        scores: The scores of each group's channels.
        number: How many channels are to go in all.
        keeps: The share of its channels that each group keeps.

    Raises:
        PipelineError: so many cannot go, since each group keeps this share.
    """
    candidates = [np.sort(score)[: len(score) - _stays(score, keeps)] for score in scores]
    if number > (most := sum(map(len, candidates))):
        raise PipelineError(
            f"scope: global would remove {number} channels, and may remove {most}: each layer "
            f"keeps {keeps:.0%} of its channels; lower the sparsity"
        )
    if not number:
        return [0] * len(scores)
    group = np.repeat(np.arange(len(scores)), [len(each) for each in candidates])
    first = np.argsort(np.concatenate(candidates), kind="stable")
    return [int(n) for n in np.bincount(group[first[:number]], minlength=len(scores))]


def _stays(scores: npt.NDArray[np.float64], keeps: float) -> int:
    return max(1, math.ceil(keeps * len(scores) - 1e-9))
