"""Every metric: what it is called, which way is better, and how it is computed.

This is the only list of them. Scoring, tables, figures, intervals and a study's `figures: metrics:`
read it, so a new metric is one entry:

    Metric("oracle_aurc", "AURC of the oracle", RANKING, lambda e: e.ranked.oracle.aurc())
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.metrics.calibration import adaptive_ece, classwise_ece, ece
from pipeline.metrics.chance import permutation_test
from pipeline.metrics.clipped import ClippedUncertainty
from pipeline.metrics.debiased import (
    adaptive_gap_sums,
    classwise_debiased,
    debiased,
    ece_debiased,
    gap_sums,
)
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.intervals import Interval, calibration, percentiles_of_ranking, proportion
from pipeline.metrics.ranking import Floats, Ints

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
        interval: how it is bootstrapped; or the key of the metric whose interval is its own, too;
            None if it is not bootstrapped.
    """

    key: str
    label: str
    needs: str
    of: Callable[[Evaluation], Any]
    higher_is_better: bool = False
    each_bins: bool = False
    interval: Interval | str | None = None

    def __post_init__(self) -> None:
        """Refuse an interval that would be that of the images as they are."""
        if isinstance(self.interval, Interval) and self.interval.of_ranking != (
            self.needs == RANKING
        ):
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


def _clipped(evaluation: Evaluation, weights: Ints | None = None) -> Floats:
    """The debiased calibration error of R resamples, [R], or of the images themselves.

    It is that of p[ŷ], or of another uncertainty between its quantiles.
    """
    images, wrong = len(evaluation.labels), evaluation.outcomes.wrong
    weights = np.ones((1, images), np.int64) if weights is None else weights
    if np.array_equal(evaluation.confidence, evaluation.outcomes.confidence):
        sums = weights @ gap_sums(evaluation.confidence, wrong, evaluation.bins)
    else:
        clipped = ClippedUncertainty(evaluation.uncertainty, wrong)
        sums = clipped.sums(weights, evaluation.bins)
    return debiased(sums, images)


RANKED = Interval(bounds=percentiles_of_ranking)

METRICS = (
    Metric(
        "accuracy",
        "Accuracy",
        PROBABILITIES,
        lambda e: e.correct.mean(),
        higher_is_better=True,
        interval=Interval(lambda e: e.correct[:, None], bounds=proportion),
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
        "ece_debiased",
        "ECE, debiased",
        CONFIDENCE,
        lambda e: ece_debiased(e.confidence, e.correct, bins=e.bins),
        interval=Interval(
            lambda e: gap_sums(e.confidence, e.outcomes.wrong, e.bins),
            combine=debiased,
            bounds=calibration,
        ),
    ),
    Metric(
        "ece_clipped",
        "ECE between quantiles, debiased",
        CONFIDENCE,
        lambda e: max(0.0, _clipped(e).item()),
        interval=Interval(weighted=_clipped, bounds=calibration, of_default=True),
    ),
    Metric(
        "ece",
        "ECE",
        CONFIDENCE,
        lambda e: ece(e.confidence, e.correct, bins=e.bins),
        each_bins=True,
        interval="ece_debiased",
    ),
    Metric(
        "ece_probability",
        "ECE of p[ŷ]",
        PROBABILITIES,
        lambda e: ece(e.outcomes.confidence, e.correct, bins=e.bins),
        each_bins=True,
        interval="ece_probability_debiased",
    ),
    Metric(
        "ece_probability_debiased",
        "ECE of p[ŷ], debiased",
        PROBABILITIES,
        lambda e: ece_debiased(e.outcomes.confidence, e.correct, bins=e.bins),
        interval=Interval(
            lambda e: gap_sums(e.outcomes.confidence, e.outcomes.wrong, e.bins),
            combine=debiased,
            bounds=calibration,
        ),
    ),
    Metric(
        "adaptive_ece",
        "Adaptive ECE",
        PROBABILITIES,
        lambda e: adaptive_ece(e.outcomes.confidence, e.correct, bins=e.bins),
        interval=Interval(
            lambda e: adaptive_gap_sums(e.outcomes.confidence, e.outcomes.wrong, e.bins),
            combine=debiased,
            bounds=calibration,
            on_request=True,
        ),
    ),
    Metric(
        "classwise_ece",
        "Classwise ECE",
        PROBABILITIES,
        lambda e: classwise_ece(e.probabilities, e.labels, bins=e.bins),
        interval=Interval(weighted=classwise_debiased, bounds=calibration, on_request=True),
    ),
    Metric("ause", "AUSE", RANKING, lambda e: e.ranked.areas["ause"], interval=RANKED),
    Metric(
        "random_level",
        "AUSE of a random order",
        RANKING,
        lambda e: e.ranked.areas["random_level"],
        interval=RANKED,
    ),
    Metric(
        "aurg",
        "AURG",
        RANKING,
        lambda e: e.ranked.areas["aurg"],
        higher_is_better=True,
        interval=RANKED,
    ),
    Metric(
        "p_chance",
        "p of chance",
        RANKING,
        lambda e: permutation_test(e.ranking, steps=e.steps, ties=e.ties),
    ),
    Metric(
        "ause_over_random",
        "AUSE ÷ random",
        RANKING,
        lambda e: e.ranked.areas["ause_over_random"],
        interval=RANKED,
    ),
    Metric(
        "ause_average_ties",
        "AUSE (ties averaged)",
        RANKING,
        lambda e: e.ranked.average_areas["ause"],
        interval=Interval(bounds=percentiles_of_ranking, on_request=True),
    ),
    Metric("aurc", "AURC", RANKING, lambda e: e.ranked.retained.aurc(), interval=RANKED),
    Metric("eaurc", "E-AURC", RANKING, lambda e: e.ranked.retained.eaurc(), interval=RANKED),
    Metric("augrc", "AUGRC", RANKING, lambda e: e.ranked.retained.augrc(), interval=RANKED),
    Metric(
        "auroc",
        "AUROC",
        RANKING,
        lambda e: e.ranked.retained.auroc(),
        higher_is_better=True,
        interval=RANKED,
    ),
    Metric("fpr95", "FPR95", RANKING, lambda e: e.ranked.retained.fpr95(), interval=RANKED),
)

METRICS_BY_KEY = {metric.key: metric for metric in METRICS}


def keys(bins: Sequence[int] = BINS) -> list[str]:
    """The keys of all metrics in the order in which they are written."""
    ordered = (metric for needs in NEEDS for metric in METRICS if metric.needs == needs)
    return [key for metric in ordered for key, _ in metric.keys(bins)]


def find(key: str) -> Metric | None:
    """The entry that a key belongs to, with or without a number of bins."""
    stem, _, number = key.rpartition("_")
    known = METRICS_BY_KEY
    numbered = known.get(stem) if number.isdecimal() else None
    return known.get(key, numbered if numbered and numbered.each_bins else None)


def of_interval(metric: Metric) -> Metric:
    """The entry that says how a metric is resampled: itself, or the one that it names."""
    return METRICS_BY_KEY[metric.interval] if isinstance(metric.interval, str) else metric


def resampled_key(key: str) -> str:
    """Under which key the resamples of a metric lie."""
    metric = METRICS_BY_KEY.get(key)
    return of_interval(metric).key if metric else key


def label(key: str) -> str:
    """What tables and figures call a metric; one that is not known stands for itself."""
    metric = find(key)
    if metric is None or metric.key == key:
        return metric.label if metric else key
    return f"{metric.label} ({key.rpartition('_')[2]} bins)"
