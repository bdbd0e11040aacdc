"""Every metric: what it is called, which way is better, and how it is computed.

This is the only list of them. Scoring, tables, figures, intervals and a study's `figures: metrics:`
read it, so a new metric is one entry:

    Metric("oracle_aurc", "AURC of the oracle", RANKING, lambda e: e.ranked.oracle.aurc())
"""

from collections.abc import Sequence

from pipeline.metrics.calibration import adaptive_ece, classwise_ece, ece
from pipeline.metrics.chance import permutation_test
from pipeline.metrics.clipped import clipped_error
from pipeline.metrics.debiased import adaptive_gap_sums, classwise_debiased, ece_debiased
from pipeline.metrics.few_errors import of_area, of_false_positives, of_gain, of_ranking, of_share
from pipeline.metrics.intervals import (
    Interval,
    calibration,
    error_of,
    mean_of,
    proportion,
)
from pipeline.metrics.metric import CONFIDENCE, NEEDS, PROBABILITIES, RANKING, Metric

# Numbers of bins of the calibration errors, unless a study names others.
BINS = (15, 10)

RANKED, AREA = Interval(bounds=of_ranking), Interval(bounds=of_area)


METRICS = (
    Metric(
        "accuracy",
        "Accuracy",
        PROBABILITIES,
        lambda e: e.correct.mean(),
        higher_is_better=True,
        interval=mean_of(lambda e: e.correct, bounds=proportion),
    ),
    Metric(
        "nll",
        "NLL",
        PROBABILITIES,
        lambda e: e.outcomes.nll.mean(),
        interval=mean_of(lambda e: e.outcomes.nll),
    ),
    Metric(
        "brier",
        "Brier score",
        PROBABILITIES,
        lambda e: e.outcomes.brier.mean(),
        interval=mean_of(lambda e: e.outcomes.brier),
    ),
    Metric(
        "ece_debiased",
        "ECE, debiased",
        CONFIDENCE,
        lambda e: ece_debiased(e.confidence, e.correct, bins=e.bins),
        interval=error_of(lambda e: e.confidence),
    ),
    Metric(
        "ece_clipped",
        "ECE between quantiles, debiased",
        CONFIDENCE,
        lambda e: max(0.0, clipped_error(e).item()),
        interval=Interval(weighted=clipped_error, bounds=calibration, of_default=True),
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
        "mean_uncertainty",
        "Mean uncertainty",
        CONFIDENCE,
        lambda e: e.uncertainty.mean(),
        higher_is_better=None,
        interval=mean_of(lambda e: e.uncertainty),
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
        interval=error_of(lambda e: e.outcomes.confidence),
    ),
    Metric(
        "adaptive_ece",
        "Adaptive ECE",
        PROBABILITIES,
        lambda e: adaptive_ece(e.outcomes.confidence, e.correct, bins=e.bins),
        interval=error_of(lambda e: e.outcomes.confidence, adaptive_gap_sums, on_request=True),
    ),
    Metric(
        "classwise_ece",
        "Classwise ECE",
        PROBABILITIES,
        lambda e: classwise_ece(e.probabilities, e.labels, bins=e.bins),
        interval=Interval(weighted=classwise_debiased, bounds=calibration, on_request=True),
    ),
    Metric(
        "temperature",
        "Temperature",
        PROBABILITIES,
        lambda e: e.halved.temperature,
        higher_is_better=None,
    ),
    Metric(
        "nll_scaled",
        "NLL, scaled",
        PROBABILITIES,
        lambda e: e.halved.scaled.nll.mean(),
        interval=mean_of(lambda e: e.halved.scaled.nll),
    ),
    Metric(
        "brier_scaled",
        "Brier score, scaled",
        PROBABILITIES,
        lambda e: e.halved.scaled.brier.mean(),
        interval=mean_of(lambda e: e.halved.scaled.brier),
    ),
    Metric(
        "ece_scaled",
        "ECE of p[ŷ], scaled",
        PROBABILITIES,
        lambda e: e.halved.error(ece, e.bins),
        interval="ece_scaled_debiased",
    ),
    Metric(
        "ece_scaled_debiased",
        "ECE of p[ŷ], scaled, debiased",
        PROBABILITIES,
        lambda e: e.halved.error(ece_debiased, e.bins),
        interval=error_of(lambda e: e.halved.scaled.confidence),
    ),
    Metric(
        "adaptive_ece_scaled",
        "Adaptive ECE, scaled",
        PROBABILITIES,
        lambda e: e.halved.error(adaptive_ece, e.bins),
        interval=error_of(lambda e: e.halved.scaled.confidence, adaptive_gap_sums, on_request=True),
    ),
    Metric(
        "lac_coverage",
        "Coverage of LAC sets",
        PROBABILITIES,
        lambda e: e.halved.covered("lac").mean(),
        higher_is_better=None,
        interval=mean_of(lambda e: e.halved.covered("lac"), bounds=proportion),
    ),
    Metric(
        "lac_size",
        "Size of LAC sets",
        PROBABILITIES,
        lambda e: e.halved.sizes("lac").mean(),
        interval=mean_of(lambda e: e.halved.sizes("lac")),
    ),
    Metric(
        "aps_coverage",
        "Coverage of APS sets",
        PROBABILITIES,
        lambda e: e.halved.covered("aps").mean(),
        higher_is_better=None,
        interval=mean_of(lambda e: e.halved.covered("aps"), bounds=proportion),
    ),
    Metric(
        "aps_size",
        "Size of APS sets",
        PROBABILITIES,
        lambda e: e.halved.sizes("aps").mean(),
        interval=mean_of(lambda e: e.halved.sizes("aps")),
    ),
    Metric("ause", "AUSE", RANKING, lambda e: e.ranked.areas["ause"], interval=AREA),
    Metric(
        "random_level",
        "AUSE of a random order",
        RANKING,
        lambda e: e.ranked.areas["random_level"],
        higher_is_better=None,
        interval=RANKED,
    ),
    Metric(
        "aurg",
        "AURG",
        RANKING,
        lambda e: e.ranked.areas["aurg"],
        higher_is_better=True,
        interval=Interval(bounds=of_gain),
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
        interval=AREA,
    ),
    Metric(
        "ause_average_ties",
        "AUSE (ties averaged)",
        RANKING,
        lambda e: e.ranked.average_areas["ause"],
        interval=Interval(bounds=of_area, on_request=True),
    ),
    Metric("aurc", "AURC", RANKING, lambda e: e.ranked.retained.aurc(), interval=AREA),
    Metric("eaurc", "E-AURC", RANKING, lambda e: e.ranked.retained.eaurc(), interval=AREA),
    Metric("augrc", "AUGRC", RANKING, lambda e: e.ranked.retained.augrc(), interval=AREA),
    Metric(
        "auroc",
        "AUROC",
        RANKING,
        lambda e: e.ranked.retained.auroc(),
        higher_is_better=True,
        interval=Interval(bounds=of_share),
    ),
    Metric(
        "fpr95",
        "FPR95",
        RANKING,
        lambda e: e.ranked.retained.fpr95(),
        interval=Interval(bounds=of_false_positives),
    ),
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
