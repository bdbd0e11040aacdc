"""Score logits: every metric of every definition of uncertainty that a method has."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics import catalogue
from pipeline.metrics.bootstrap import bootstrap as draw_again
from pipeline.metrics.calibration import reliability_bins
from pipeline.metrics.catalogue import BINS, METRICS, PROBABILITIES
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.outcomes import Outcomes
from pipeline.metrics.ranking import Floats
from pipeline.registry import UNCERTAINTIES
from pipeline.uncertainty import Estimate, Logits

Curves = dict[str, NDArray[np.floating[Any]]]


def score(
    logits: Logits,
    labels: NDArray[np.integer],
    *,
    method: str,
    options: Mapping[str, Any],
    bins: Sequence[int] = BINS,
    steps: int = 50,
    ties: str = "inclusive",
    bootstrap: int = 1000,
    seed: int = 0,
) -> tuple[dict[str, Any], Curves]:
    """Score the logits by an uncertainty method.

    Args:
        logits: [samples, images, classes], or a sequence of such arrays; memory-mapped ones are
            read a few images at a time.
        labels: [images].
        method: a name in the registry of uncertainty methods.
        options: of that method.
        bins: numbers of bins of the calibration errors. The first is that of the metrics without a
            number in their name.
        steps: of the sparsification curves.
        ties: of the sparsification curves, but for ``ause_average_ties``.
        bootstrap: number of resamples for the intervals, 0 for none.
        seed: of the resamples.

    Returns:
        What to write as JSON: ``definitions`` maps a definition of uncertainty to its metrics, each
        with a ``value`` (None where undefined) and, where bootstrapped, the bounds ``low`` and
        ``high``. And the curves: ``<definition>/predicted`` and ``<definition>/oracle``
        [steps + 1], ``<definition>/reliability`` [bins, 3]. Where bootstrapped, of the default
        definition, ``<definition>/resamples/<metric>`` float32 [bootstrap].

    Raises:
        PipelineError: an unknown method, or logits, labels or options that are not valid.
    """
    estimates: dict[str, Estimate] = UNCERTAINTIES.load(method).estimates(logits, **options)
    default = next(iter(estimates))
    definitions: dict[str, Any] = {}
    curves: Curves = {}
    # Definitions mostly share their probabilities, and what follows from these alone.
    shared: dict[int, tuple[Outcomes, dict[str, float]]] = {}
    for name, estimate in estimates.items():
        outcomes, known = shared.get(id(estimate.probabilities), (None, {}))
        evaluation = Evaluation.of(
            estimate.probabilities,
            labels,
            estimate.uncertainty,
            estimate.confidence,
            outcomes=outcomes,
            bins=bins[0],
            steps=steps,
            ties=ties,
        )
        values = _values(evaluation, bins, known)
        shared[id(estimate.probabilities)] = evaluation.outcomes, values
        resampled = draw_again(evaluation, resamples=bootstrap, seed=seed) if bootstrap else {}
        definitions[name] = _entries(values, resampled)
        curves |= {f"{name}/{curve}": array for curve, array in _curves(evaluation).items()}
        if name == default:
            for metric, array in resampled.items():
                curves[f"{name}/resamples/{metric}"] = array.astype(np.float32)

    images, classes = estimates[default].probabilities.shape
    samples = len(logits) if isinstance(logits, np.ndarray) else sum(map(len, logits))
    content = {
        "samples": samples,
        "images": images,
        "classes": classes,
        "default": default,
        "definitions": definitions,
    }
    return content, curves


def _values(
    evaluation: Evaluation, bins: Sequence[int], known: Mapping[str, float]
) -> dict[str, float]:
    """Every metric by its key; those of the probabilities alone from what is known of these."""
    values: dict[str, float] = {}
    for metric in METRICS:
        if known and metric.needs == PROBABILITIES:
            values |= {key: known[key] for key, _ in metric.keys(bins)}
        else:
            values |= metric.values(evaluation, bins)
    return {key: values[key] for key in catalogue.keys(bins)}


def _curves(evaluation: Evaluation) -> Curves:
    """What the figures of one definition of uncertainty draw."""
    predicted, oracle = evaluation.ranked.curves
    return {
        "predicted": predicted[0],
        "oracle": oracle[0],
        "reliability": reliability_bins(
            evaluation.confidence, evaluation.correct, bins=evaluation.bins
        ),
    }


def _entries(
    values: Mapping[str, float], resampled: Mapping[str, Floats]
) -> dict[str, dict[str, float | None]]:
    """Values and bounds by metric; JSON knows no NaN."""
    entries = {key: {"value": value} for key, value in values.items()}
    for metric in METRICS:
        if metric.interval and metric.key in resampled:
            low, high = metric.interval.bounds(values[metric.key], resampled[metric.key])
            entries[metric.key] |= {"low": low, "high": high}
    return {
        key: {name: None if math.isnan(number) else number for name, number in entry.items()}
        for key, entry in entries.items()
    }
