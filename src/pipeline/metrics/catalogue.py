"""Every metric: what it is called, which way is better, and how it is computed.

This is the only list of them. Scoring, tables, figures, intervals and a study's `figures: metrics:`
read it, so a new metric is one entry:

    Metric("oracle_aurc", "AURC of the oracle", RANKING, lambda e: e.ranked.oracle.aurc())
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.metrics.calibration import adaptive_ece, classwise_ece, ece, gap_columns
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.intervals import Interval

# What a metric depends on: the probabilities alone, or on what a definition of uncertainty adds.
# Metrics are written in this order.
NEEDS = PROBABILITIES, RANKING, CONFIDENCE = "probabilities", "ranking", "confidence"


# Numbers of bins of the calibration errors, unless a study names others.
BINS = (15, 10)


@dataclass(frozen=True)
class Metric:
    """An entry of the catalogue.

    Attributes:
        key: its name in studies, in ``scores.json`` and in ``results.csv``.
        label: its name in tables and figures.
        needs: PROBABILITIES, RANKING or CONFIDENCE.
        of: from an evaluation to its value, NaN where it is undefined. Of a metric of the ranking,
            which may read `Evaluation.ranked` alone, an array [R]: R is 1 or the resamples.
        higher_is_better: otherwise lower is.
        each_bins: whether it is computed for every number of bins that a study names; the key and
            the label say all but the first number.
        interval: how it is bootstrapped; None if it is not.
    """

    key: str
    label: str
    needs: str
    of: Callable[[Evaluation], Any]
    higher_is_better: bool = False
    each_bins: bool = False
    interval: Interval | None = None

    def __post_init__(self) -> None:
        """Refuse an interval that would be that of the images as they are."""
        if self.interval and (self.interval.columns is None) != (self.needs == RANKING):
            raise ValueError(f"{self.key}: columns belong to all intervals but those of a ranking")

    def keys(self, bins: Sequence[int]) -> Iterator[tuple[str, int]]:
        """Its keys and the number of bins of each."""
        for number in bins if self.each_bins else bins[:1]:
            yield self.key if number == bins[0] else f"{self.key}_{number}", number

    def values(self, evaluation: Evaluation, bins: Sequence[int]) -> dict[str, float]:
        """Its value by key, for every number of bins."""
        return {
            key: np.asarray(self.of(evaluation.at(number))).item()
            for key, number in self.keys(bins)
        }


METRICS = (
    Metric(
        "accuracy",
        "Accuracy",
        PROBABILITIES,
        lambda e: e.correct.mean(),
        higher_is_better=True,
        interval=Interval(lambda e: e.correct[:, None]),
    ),
    Metric(
        "nll",
        "NLL",
        PROBABILITIES,
        lambda e: e.outcomes.nll.mean(),
        interval=Interval(lambda e: e.outcomes.nll[:, None]),
    ),
    Metric(
        "brier",
        "Brier score",
        PROBABILITIES,
        lambda e: e.outcomes.brier.mean(),
        interval=Interval(lambda e: e.outcomes.brier[:, None]),
    ),
    Metric(
        "ece",
        "ECE",
        CONFIDENCE,
        lambda e: ece(e.confidence, e.correct, bins=e.bins),
        each_bins=True,
        interval=Interval(lambda e: gap_columns(e.confidence, e.outcomes.wrong, e.bins)),
    ),
    Metric(
        "ece_probability",
        "ECE of p[ŷ]",
        PROBABILITIES,
        lambda e: ece(e.outcomes.confidence, e.correct, bins=e.bins),
        each_bins=True,
        interval=Interval(lambda e: gap_columns(e.outcomes.confidence, e.outcomes.wrong, e.bins)),
    ),
    Metric(
        "adaptive_ece",
        "Adaptive ECE",
        PROBABILITIES,
        lambda e: adaptive_ece(e.outcomes.confidence, e.correct, bins=e.bins),
    ),
    Metric(
        "classwise_ece",
        "Classwise ECE",
        PROBABILITIES,
        lambda e: classwise_ece(e.probabilities, e.labels, bins=e.bins),
    ),
    Metric("ause", "AUSE", RANKING, lambda e: e.ranked.areas["ause"], interval=Interval()),
    Metric(
        "random_level",
        "AUSE of a random order",
        RANKING,
        lambda e: e.ranked.areas["random_level"],
    ),
    Metric("aurg", "AURG", RANKING, lambda e: e.ranked.areas["aurg"], higher_is_better=True),
    Metric(
        "ause_over_random",
        "AUSE ÷ random",
        RANKING,
        lambda e: e.ranked.areas["ause_over_random"],
    ),
    Metric(
        "ause_average_ties",
        "AUSE (ties averaged)",
        RANKING,
        lambda e: e.ranked.average_areas["ause"],
    ),
    Metric("aurc", "AURC", RANKING, lambda e: e.ranked.retained.aurc(), interval=Interval()),
    Metric("eaurc", "E-AURC", RANKING, lambda e: e.ranked.retained.eaurc()),
    Metric("augrc", "AUGRC", RANKING, lambda e: e.ranked.retained.augrc()),
    Metric("auroc", "AUROC", RANKING, lambda e: e.ranked.retained.auroc(), higher_is_better=True),
    Metric("fpr95", "FPR95", RANKING, lambda e: e.ranked.retained.fpr95()),
)


def keys(bins: Sequence[int] = BINS) -> list[str]:
    """The keys of all metrics in the order in which they are written."""
    ordered = (metric for needs in NEEDS for metric in METRICS if metric.needs == needs)
    return [key for metric in ordered for key, _ in metric.keys(bins)]


def find(key: str) -> Metric | None:
    """The entry that a key belongs to, with or without a number of bins."""
    stem, _, number = key.rpartition("_")
    known = {metric.key: metric for metric in METRICS}
    numbered = known.get(stem) if number.isdecimal() else None
    return known.get(key, numbered if numbered and numbered.each_bins else None)


def label(key: str) -> str:
    """What tables and figures call a metric; one that is not known stands for itself."""
    metric = find(key)
    if metric is None or metric.key == key:
        return metric.label if metric else key
    return f"{metric.label} ({key.rpartition('_')[2]} bins)"
