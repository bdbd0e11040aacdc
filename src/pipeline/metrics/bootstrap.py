"""Intervals of the metrics, by drawing the test images again.

    >>> resampled = bootstrap(Evaluation.of(P, y, u))
    >>> low, high = percentile_interval(resampled["ause"])

Networks that predicted the same images are resampled alike, so the difference of two networks has
an interval of its own, of the differences resample by resample: a paired comparison.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from pipeline.errors import PipelineError
from pipeline.metrics.catalogue import METRICS, Metric
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.outcomes import blocks
from pipeline.metrics.ranking import Floats


def bootstrap(
    evaluation: Evaluation,
    metrics: Sequence[Metric] = METRICS,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Floats]:
    """Metrics of resamples of the images, drawn with replacement (Efron & Tibshirani, 1993).

    Args:
        evaluation: of the N images.
        metrics: those among them that have an interval are computed.
        resamples: number of resamples, R.
        seed: of the resamples; the same seed and N give the same ones.

    Returns:
        [R] for each metric, by its key.
    """
    if resamples < 1:
        raise PipelineError(f"resamples is {resamples}, expected at least 1")
    images = len(evaluation.labels)
    summed, ranked, parts = [], [], []
    for metric in metrics:
        if metric.interval and metric.interval.columns:
            summed.append((metric.key, metric.interval.combine))
            parts.append(metric.interval.columns(evaluation))
        elif metric.interval:
            ranked.append(metric)
    # One product for all columns; the empty first one is for metrics of the ranking alone.
    columns = np.concatenate([np.empty((images, 0)), *parts], axis=1)
    splits = np.cumsum([part.shape[1] for part in parts])[:-1]

    generator = np.random.default_rng(seed)
    values: dict[str, list[Floats]] = defaultdict(list)
    for rows in blocks(resamples, images):
        drawn = generator.integers(images, size=(rows.stop - rows.start, images))
        weights = np.stack([np.bincount(row, minlength=images) for row in drawn])
        sums = np.split(weights @ columns, splits, axis=1)
        for (key, combine), part in zip(summed, sums, strict=bool(summed)):
            values[key].append(combine(part, images))
        resampled = evaluation.drawn(weights)
        for metric in ranked:
            values[metric.key].append(metric.of(resampled))
    return {name: np.concatenate(parts) for name, parts in values.items()}


def resample_members(resampled: Floats, seed: int = 0) -> Floats:
    """The mean over members of an ensemble, on resamples of the images and of the members.

    Its interval holds the variance between trainings, too; of few members it is rather narrow.

    Args:
        resampled: a metric of each member on the same resamples of the images, [members, R].
        seed: of the members that are drawn, with replacement.

    Returns:
        [R].
    """
    members, resamples = resampled.shape
    drawn = np.random.default_rng(seed).integers(members, size=(members, resamples))
    means: Floats = np.take_along_axis(resampled, drawn, axis=0).mean(axis=0)
    return means
