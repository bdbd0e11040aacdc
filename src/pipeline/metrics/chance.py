"""Whether an uncertainty finds the errors better than a random order of the images does."""

from typing import Literal

import numpy as np

from pipeline.metrics.ranking import Ranking, Retained

State = Literal["better", "undecided", "worse or equal"]

# The largest p-value, and its counterpart on the other side, that decides.
LEVEL = 0.025
# Sums of equal rates in another order differ by rounding.
ROUNDING = 1e-12


def permutation_test(
    ranking: Ranking,
    *,
    steps: int = 50,
    ties: str = "inclusive",
    permutations: int = 999,
    seed: int = 0,
) -> float:
    """The p-value of a ranking no better than chance, from the area under its sparsification curve.

    The marks "wrong" are permuted over the places of the ranking. Neither the oracle's curve nor
    the random level changes thereby, so this is the test of AURG. With # of B permutations at least
    as good as the ranking it is p = (1 + #) / (1 + B): under chance p ≤ .025 in at most 2.5 % of
    cases, however few errors there are (Phipson & Smyth, 2010).

    Only how many wrong images fall between the levels at which the curve is read matters, and that
    has a multivariate hypergeometric distribution, so no permutation is written out.

    Args:
        ranking: of the images.
        steps: of the sparsification curve.
        ties: of the sparsification curve.
        permutations: B.
        seed: of the permutations.
    """
    own = ranking.retained()
    images = own.images[0]
    total = int(images[-1])
    keep = total + (1 - total) * np.arange(steps) // steps
    # The groups that are read, and those before them, between which a group's own rate lies.
    groups = np.searchsorted(images, keep)
    groups = np.union1d(groups, np.maximum(groups - 1, 0))
    ends = images[groups]
    if ends[-1] != total:
        ends = np.append(ends, total)

    generator = np.random.default_rng(seed)
    drawn = generator.multivariate_hypergeometric(
        np.diff(ends, prepend=0), int(own.wrong[0, -1]), size=permutations, method="marginals"
    )
    permuted = Retained(np.tile(ends, (permutations, 1)), np.cumsum(drawn, axis=1))
    # All curves begin at the same error and end at 0, so their sum tells their area.
    area = own.curve(steps=steps, ties=ties).sum()
    areas = permuted.curve(steps=steps, ties=ties).sum(axis=1)
    return float((1 + np.sum(areas <= area + ROUNDING)) / (1 + permutations))


def state(low: float, high: float, p: float) -> State:
    """What AURG's interval [`low`, `high`] and the permutation test's `p` decide together.

    "better" needs both: of few errors the interval alone calls a random order better far too often.
    Where there is nothing to rank the bounds are NaN, and nothing is decided.
    """
    if low > 0 and p <= LEVEL:
        return "better"
    if high <= 0 and p >= 1 - LEVEL:
        return "worse or equal"
    return "undecided"
