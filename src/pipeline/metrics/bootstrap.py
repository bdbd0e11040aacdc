"""Intervals of the metrics, by drawing the test images again.

    >>> resampled = bootstrap(Evaluation.of(P, y, u))
    >>> low, high = percentile_interval(resampled["ause"])

Networks that predicted the same images are resampled alike, so the difference of two networks has
an interval of its own, of the differences resample by resample: a paired comparison.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np

from pipeline.errors import PipelineError
from pipeline.metrics.catalogue import METRICS
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.intervals import Interval
from pipeline.metrics.metric import PROBABILITIES, Metric
from pipeline.metrics.outcomes import blocks
from pipeline.metrics.ranking import Floats, Ints, Retained


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
        [R] for each metric, by its key. Of a calibration error it is the debiased one, before it
        is cut at 0.
    """
    return bootstrap_each([evaluation], metrics, resamples=resamples, seed=seed)[0]


def bootstrap_each(
    evaluations: Sequence[Evaluation],
    metrics: Sequence[Metric] = METRICS,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> list[dict[str, Floats]]:
    """The same for several evaluations of the same images, the default definition's first.

    What these share is computed once: the resamples, and of equal `outcomes` what follows from
    these alone.
    """
    if resamples < 1:
        raise PipelineError(f"resamples is {resamples}, expected at least 1")
    found: list[dict[str, list[Floats]]] = [defaultdict(list) for _ in evaluations]
    # By the outcomes that they share: which evaluation has them first.
    first = [
        next(i for i, other in enumerate(evaluations) if other.outcomes is each.outcomes)
        for each in evaluations
    ]
    plans = [
        _Plan(each, [metric for metric in metrics if _is_due(metric, number, first[number])])
        for number, each in enumerate(evaluations)
    ]
    for weights in count_weights(len(evaluations[0].labels), resamples, seed):
        kept: dict[int, Retained] = {}
        for number, plan in enumerate(plans):
            if plan.ranked and first[number] not in kept:
                kept[first[number]] = plan.evaluation.oracle.retained(weights)
            for key, values in plan.values(weights, kept.get(first[number])):
                found[number][key].append(values)
    whole = [{key: np.concatenate(parts) for key, parts in each.items()} for each in found]
    shared = {metric.key for metric in metrics if metric.needs == PROBABILITIES}
    return [
        {key: values for key, values in whole[origin].items() if key in shared} | own
        for origin, own in zip(first, whole, strict=True)
    ]


def own_value(metric: Metric, evaluation: Evaluation) -> float:
    """What the resamples of a metric are compared with: the same of the images themselves.

    Of a calibration error it may be below 0, other than the metric's value.
    """
    once = np.ones((1, len(evaluation.labels)), np.int64)
    ((_, values),) = _Plan(evaluation, [metric]).values(once, None)
    return float(values[0])


def _is_due(metric: Metric, number: int, first: int) -> bool:
    """Whether the evaluation of this number resamples a metric itself."""
    if not isinstance(metric.interval, Interval) or metric.interval.on_request:
        return False
    if metric.interval.of_default and number > 0:
        return False
    return number == first or metric.needs != PROBABILITIES


class _Plan:
    """What is to be computed of an evaluation's resamples."""

    def __init__(self, evaluation: Evaluation, metrics: Sequence[Metric]) -> None:
        self.evaluation = evaluation
        self.ranked: list[Metric] = []
        self.weighted: list[tuple[str, Callable[[Evaluation, Ints], Floats]]] = []
        self.summed: list[tuple[str, Interval]] = []
        for metric in metrics:
            assert isinstance(metric.interval, Interval)
            if metric.interval.columns:
                self.summed.append((metric.key, metric.interval))
            elif metric.interval.weighted:
                self.weighted.append((metric.key, metric.interval.weighted))
            else:
                self.ranked.append(metric)

    @cached_property
    def columns(self) -> list[Floats]:
        """Of every summed metric, as numbers that a product needs not convert again."""
        return [
            np.asarray(interval.columns(self.evaluation), np.float64)
            for _, interval in self.summed
            if interval.columns
        ]

    def values(self, weights: Ints, oracle: Retained | None) -> Iterator[tuple[str, Floats]]:
        """Keys, and the metrics [R] of resamples [R, N]."""
        images = weights.shape[1]
        if self.summed:
            # One product for all columns.
            sums = weights.astype(np.float64) @ np.concatenate(self.columns, axis=1)
            splits = np.cumsum([part.shape[1] for part in self.columns])[:-1]
            for (key, interval), part in zip(
                self.summed, np.split(sums, splits, axis=1), strict=True
            ):
                yield key, interval.combine(part, images)
        for key, weighted in self.weighted:
            yield key, weighted(self.evaluation, weights)
        resampled = self.evaluation.drawn(weights, oracle)
        for metric in self.ranked:
            yield metric.key, metric.of(resampled)


def count_weights(images: int, resamples: int, seed: int) -> Iterator[Ints]:
    """How often each image is in each resample, [r, N], a few resamples at a time."""
    generator = np.random.default_rng(seed)
    for rows in blocks(resamples, images):
        drawn = generator.integers(images, size=(rows.stop - rows.start, images))
        yield np.stack([np.bincount(row, minlength=images) for row in drawn])
