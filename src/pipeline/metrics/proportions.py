"""The interval of a proportion, which holds at 0 and 1, too."""

import numpy as np

from pipeline.metrics.ranking import Floats, Ints

MISSED = 0.025


def proportion_interval(count: int, total: int, *, missed: float = MISSED) -> tuple[float, float]:
    """The 95 % interval of a proportion of which `count` of `total` were seen.

    Clopper & Pearson, 1934: it covers the truth in at least 95 % of cases, whatever the truth is.
    Of 899 of 899 it is [.9959, 1], where resampling would give [1, 1]. Each bound is missed in a
    share `missed` of cases at most.
    """
    low = 0.0 if count == 0 else 1 - _largest(total - count, total, missed)
    return low, 1.0 if count == total else _largest(count, total, missed)


def unseen(total: int) -> float:
    """The largest share of images of a kind of which `total` images may well hold none."""
    return proportion_interval(0, total)[1]


def _largest(count: int, total: int, missed: float) -> float:
    """The proportion at which `count` or fewer of `total` are seen in a share `missed` of cases."""
    low, high = count / total, 1.0
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])
    # Terms further below than this add less than 1e-20 to the sum.
    seen = np.arange(max(0, count - 12 * int(np.sqrt(count + 100))), count + 1)
    choices = factorials[total] - factorials[seen] - factorials[total - seen]
    for _ in range(50):
        middle = (low + high) / 2
        if _at_most(seen, choices, total, middle) > missed:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(seen: Ints, choices: Floats, total: int, proportion: float) -> float:
    """The binomial probability of the counts `seen`."""
    if proportion >= 1:
        return 0.0
    logs = choices + seen * np.log(proportion) + (total - seen) * np.log1p(-proportion)
    return float(np.exp(logs).sum())
