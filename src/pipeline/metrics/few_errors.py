"""Intervals of the metrics of a ranking, which hold where errors are few, too.

How well n errors are ranked is known about as well as a mean of n numbers, however many right
images there are beside them. So percentiles of resamples are too narrow below some 50 errors, for
three reasons that a resample does not know of: the variance of n draws is too small by 1 − 1 / n,
its estimate varies as Student's t tells, and an area or a share near its bound varies more, the
further it is from there. Hence percentiles further out (Hesterberg, The American Statistician,
2015), and the wider ones of these and of t on a logarithmic scale.

The false positive rate has an interval without resamples: two of the errors enclose the threshold.
"""

import math

import numpy as np

from pipeline.metrics import student
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.intervals import FEWEST, Bounds, percentile_interval, rarer
from pipeline.metrics.proportions import proportion_interval
from pipeline.metrics.ranking import Floats, Ranking

# Of a logarithm; beyond, an area is no more than known to be small.
LONGEST = 3.0
# The share of errors below the threshold of FPR95; and how often either bound may be missed since
# the threshold is not known, and since the rate at a threshold is not.
BELOW, MISSED_THRESHOLD, MISSED_RATE = 0.05, 0.02, 0.005


def of_ranking(own: float, resampled: Floats, evaluation: Evaluation) -> Bounds:
    """Percentiles as far out as t is; NaN where there are fewer than `FEWEST` errors to rank."""
    return t_percentiles(resampled, rarer(evaluation))


def t_percentiles(resampled: Floats, few: int) -> Bounds:
    """The same of resamples [R] of a ranking that rests on so few images."""
    if few < FEWEST or np.isnan(resampled).all():
        return np.nan, np.nan
    tail = math.erfc(_reach(few) / math.sqrt(2)) / 2
    low, high = np.nanquantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def of_gain(own: float, resampled: Floats, evaluation: Evaluation) -> Bounds:
    """`percentile_interval`, of AURG: it covers with few errors, too.

    Further out it would call an uncertainty better than chance too seldom: of 5 errors one that
    knows something in 23 % of cases in place of 95 %.
    """
    if rarer(evaluation) < FEWEST:
        return np.nan, np.nan
    return percentile_interval(resampled)


def of_area(own: float, resampled: Floats, evaluation: Evaluation) -> Bounds:
    """The same of an area that is about as uncertain as it is large."""
    low, high = of_ranking(own, resampled, evaluation)
    if not (own > 0 and low < high):
        return low, high
    reach = min(_reach(rarer(evaluation)) * float(np.nanstd(resampled)) / own, LONGEST)
    return min(low, own * math.exp(-reach)), max(high, own * math.exp(reach))


def of_share(own: float, resampled: Floats, evaluation: Evaluation) -> Bounds:
    """The same of a share, which ends at 0 and 1."""
    low, high = of_ranking(own, resampled, evaluation)
    if not (0 < own < 1 and low < high):
        return low, high
    odds = math.log(own / (1 - own))
    reach = _reach(rarer(evaluation)) * float(np.nanstd(resampled)) / (own * (1 - own))
    return min(low, _logistic(odds - reach)), max(high, _logistic(odds + reach))


def of_false_positives(own: float, resampled: Floats, evaluation: Evaluation) -> Bounds:
    """That of FPR95, which covers in at least 95 % of cases, however few errors there are.

    A threshold below which 5 % of all errors lie is between two order statistics of these errors;
    at either the rate of the right images above it is a proportion. Of fewer than 77 errors any of
    them may be above it, so that the high bound is 1.
    """
    few = rarer(evaluation)
    if few < FEWEST:
        return np.nan, np.nan
    errors = int(evaluation.outcomes.wrong.sum())
    right = len(evaluation.labels) - errors
    first, last = _order_statistics(errors)
    low = high = (0.0, 1.0)
    if last <= errors:
        low = proportion_interval(_right_above(evaluation.ranking, last), right, missed=MISSED_RATE)
    if first > 0:
        high = proportion_interval(
            _right_above(evaluation.ranking, first), right, missed=MISSED_RATE
        )
    return low[0], high[1]


def _reach(few: int) -> float:
    """How many standard deviations of the resamples the bounds are away."""
    return math.sqrt(few / (few - 1)) * student.quantile(few - 1)


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0


def _order_statistics(errors: int) -> tuple[int, int]:
    """Which errors, counted from 1, are seldom above and seldom below the threshold.

    The first is 0 where there is none, the second `errors` + 1.
    """
    below = np.arange(errors + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, errors + 1)))])
    chosen = factorials[errors] - factorials - factorials[::-1]
    logs = chosen + below * math.log(BELOW) + (errors - below) * math.log1p(-BELOW)
    distribution = np.cumsum(np.exp(logs))
    first = int(np.sum(distribution[:-1] <= MISSED_THRESHOLD))
    last = int(np.sum(distribution < 1 - MISSED_THRESHOLD)) + 1
    return first, last


def _right_above(ranking: Ranking, error: int) -> int:
    """The number of right images that are at least as uncertain as an error, counted from 1."""
    place = np.flatnonzero(ranking.wrong)[error - 1]
    group = int(np.searchsorted(ranking.last, place))
    start = int(ranking.last[group - 1]) + 1 if group else 0
    return int(np.sum(~ranking.wrong[start:]))
