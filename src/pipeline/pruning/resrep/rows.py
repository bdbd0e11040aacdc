"""Which rows of the compactors are chosen: to be masked, and in the end to be cut.

The official code (github.com/DingXiaoH/ResRep) differs a little: it passes over the rows of a layer
that has too few left, and counts them among the rows that it may mask at this choice; here, the
longest row of each layer is left out from the beginning, and what is passed over does not count.
Near the target the two can so differ by a few rows. See also `masking`.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor

from pipeline.pruning.resrep.compactors import Compactors, Rows
from pipeline.pruning.resrep.targets import Enough


def row_norms(compactors: Compactors) -> dict[str, Tensor]:
    """The Euclidean norm of each row: a tensor [C] for each convolution."""
    return {name: c.weight.detach().flatten(1).norm(dim=1).cpu() for name, c in compactors.items()}


def rows_below(norms: Mapping[str, Tensor], threshold: float) -> Rows:
    """Which rows are shorter than `threshold`, bool [C]; each layer's longest one is never."""
    below = {name: norm < threshold for name, norm in norms.items()}
    for name, norm in norms.items():
        below[name][norm.argmax()] = False
    return below


def choose_rows(norms: Mapping[str, Tensor], limit: int, enough: Enough) -> Rows:
    """Choose the smallest rows of all compactors, but never a layer's last.

    Args:
        norms: The norm of each row of each convolution's compactor.
        limit: How many rows to choose at most.
        enough: Whether no more rows are wanted than these numbers in each layer.
    """
    lengths = {name: norm.tolist() for name, norm in norms.items()}
    longest = {name: length.index(max(length)) for name, length in lengths.items()}
    ranked = sorted(
        ((name, row) for name in norms for row in range(len(norms[name])) if row != longest[name]),
        key=lambda place: lengths[place[0]][place[1]],
    )
    number = bisect_left(
        range(min(limit, len(ranked))),
        True,
        key=lambda number: enough(Counter(name for name, _ in ranked[:number])),
    )
    chosen = {name: torch.zeros(len(norm), dtype=torch.bool) for name, norm in norms.items()}
    for name, row in ranked[:number]:
        chosen[name][row] = True
    return chosen


def count(rows: Mapping[str, Tensor]) -> int:
    """How many rows are chosen."""
    return sum(int(chosen.sum()) for chosen in rows.values())
