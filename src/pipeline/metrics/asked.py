"""The interval of any metric, for who has probabilities and labels at hand."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import PipelineError
from pipeline.metrics import catalogue
from pipeline.metrics.bootstrap import bootstrap, own_value
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.intervals import Interval
from pipeline.metrics.ranking import Uncertainty


def interval(
    name: str,
    P: ArrayLike,
    y: ArrayLike,
    u: Uncertainty = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
    ids: ArrayLike | None = None,
) -> tuple[float, float]:
    """The 95 % interval of a metric of the catalogue, over test images like these.

        >>> low, high = interval("ece", P, y)

    Calibration errors have the interval of the corrected error (see `debiased`), which may lie
    below the plain one: that is biased upwards. The accuracy and other shares of the images have
    that of Clopper and Pearson, metrics of a ranking those of `few_errors`, all others the
    percentiles of resamples. Metrics of a ranking have none, (nan, nan), of fewer than 5 errors or
    right images. What is fitted to one half of the images and applied to the other, such as a
    temperature, is taken for fixed.

    Args:
        name: of the metric, such as ``ece``, ``aurg`` or ``ece_10``, for 10 bins.
        P: probabilities [N, C].
        y: labels [N].
        u: uncertainty [N], by default 1 − max P, for metrics of a ranking and ``ece_clipped``. The
            other calibration errors are those of max P.
        resamples: number of resamples.
        seed: of the resamples; the same seed and N give the same ones.
        ids: [N], by default their places, which tell the halves of the images for what is fitted to
            one half and applied to the other.

    Raises:
        PipelineError: the metric is unknown or has no interval, or what is given does not fit.
    """
    metric = catalogue.find(name)
    if metric is None:
        known = ", ".join(catalogue.keys())
        raise PipelineError(f"unknown metric {name!r}; known: {known}")
    evaluation = Evaluation.of(P, y, u, ids=ids)
    if name != metric.key:
        evaluation = evaluation.at(int(name.rpartition("_")[2]))
    if u is not None and name == "ece_clipped":
        evaluation = replace(evaluation, confidence=np.full(len(evaluation.labels), np.nan))
    metric = catalogue.of_interval(metric)
    if not isinstance(metric.interval, Interval):
        raise PipelineError(f"{name} has no interval")
    asked = replace(metric, interval=replace(metric.interval, on_request=False))
    resampled = bootstrap(evaluation, [asked], resamples=resamples, seed=seed)[metric.key]
    return metric.interval.bounds(own_value(metric, evaluation), resampled, evaluation)
