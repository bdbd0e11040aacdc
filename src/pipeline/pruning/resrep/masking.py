"""When ResRep masks rows, how many at a time, and whether that suffices.

    masking = official(recipe.epochs, len(rates))
    masked, vanished = reach(masking, rates)

Where fewer rows vanish than are wanted, :func:`reaching` says what would be enough.

The official code (github.com/DingXiaoH/ResRep) counts the interval from the end of the warm-up, so
its first rows are masked one interval after that; here, at the first multiple of the interval that
is not within the warm-up: up to one interval sooner.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

# The run whose iterations the default options count: 180 epochs of CIFAR in full batches of 64.
OFFICIAL_EPOCHS = 180
OFFICIAL_ITERATIONS = OFFICIAL_EPOCHS * (50_000 // 64)

# How far the lasso should be able to shorten a row that is masked last; rows begin with norm 1.
# In the middle of the official run it is 1.28.
REACH = 1.25


@dataclass(frozen=True)
class Masking:
    """When rows are masked, how many, and how hard the lasso pulls.

    Attributes:
        warm_up: Iterations before the first choice of rows.
        interval: Iterations from one choice to the next.
        rows_per_step: How many more rows may be masked at a choice than before.
        lasso: The weight λ of Eq. 4.
        lasso_masked: The same for masked rows.
        compactor_momentum: Momentum of the compactors' rows.
    """

    warm_up: int
    interval: int
    rows_per_step: int
    lasso: float
    lasso_masked: float
    compactor_momentum: float

    def chooses_at(self, iteration: int) -> bool:
        """Whether rows are chosen at an iteration, counted from 0."""
        return iteration >= self.warm_up and iteration % self.interval == 0


def official(
    epochs: int,
    iterations: int,
    *,
    lasso: float = 1e-4,
    compactor_momentum: float = 0.99,
    warmup_epochs: float = 5.0,
    interval: int = 200,
    rows_per_step: int = 4,
) -> Masking:
    """The official code's masking; in a shorter run, warm-up and interval are in proportion."""
    warm_up = warmup_epochs * min(1.0, epochs / OFFICIAL_EPOCHS) * iterations / epochs
    interval = max(1, round(interval * min(1.0, iterations / OFFICIAL_ITERATIONS)))
    return Masking(round(warm_up), interval, rows_per_step, lasso, lasso, compactor_momentum)


def reaching(masking: Masking, rates: Sequence[float], wanted: int) -> Masking:
    """Masking changed so that `wanted` rows are masked halfway and can vanish in what is left.

    Args:
        masking: What to change, where it does not reach that far already.
        rates: The learning rate of each iteration.
        wanted: The number of rows to remove.
    """
    half = len(rates) // 2
    choices = sum(map(masking.chooses_at, range(half)))
    rows_per_step = max(masking.rows_per_step, math.ceil(wanted / max(1, choices)))
    # In a short run, momentum would carry vanished rows far beyond zero.
    shorter = min(1.0, len(rates) / OFFICIAL_ITERATIONS)
    momentum = max(0.0, 1 - (1 - masking.compactor_momentum) / shorter)
    needed = REACH * (1 - momentum) / sum(rates[half:])
    return replace(
        masking,
        rows_per_step=rows_per_step,
        lasso_masked=max(masking.lasso_masked, needed),
        compactor_momentum=momentum,
    )


def reach(masking: Masking, rates: Sequence[float]) -> tuple[int, int]:
    """How many rows can be masked, and how many of them so early that they vanish.

    From iteration t on the lasso shortens a masked row by Σ lr·λ / (1 - momentum); a row is assumed
    to begin with norm 1.

    Args:
        masking: When rows are masked, and how many.
        rates: The learning rate of each iteration.
    """
    pull = masking.lasso_masked / (1 - masking.compactor_momentum)
    left = list(accumulate(reversed(rates)))[::-1]
    choices = [t for t in range(len(rates)) if masking.chooses_at(t)]
    in_time = sum(pull * left[t] >= 1 for t in choices)
    return masking.rows_per_step * len(choices), masking.rows_per_step * in_time
