"""Score logits: every metric of every definition of uncertainty that a method has."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics import catalogue
from pipeline.metrics.bootstrap import bootstrap_each, own_value
from pipeline.metrics.calibration import reliability_bins
from pipeline.metrics.catalogue import BINS, METRICS, METRICS_BY_KEY
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.halved import Halved, as_logits
from pipeline.metrics.intervals import Interval
from pipeline.metrics.metric import PROBABILITIES
from pipeline.metrics.outcomes import Outcomes
from pipeline.metrics.ranking import Floats
from pipeline.registry import UNCERTAINTIES
from pipeline.uncertainty import Estimate, Logits, log_likelihood

# Beyond, p[y] has lost digits, or is 0: the smallest number with all of them is 2.2e-308.
LARGEST_NLL = 708.0

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
    ids: NDArray[np.generic] | None = None,
    clean: tuple[Logits, NDArray[np.integer], NDArray[np.generic]] | None = None,
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
        ids: [images], which tell two halves of them; what is fitted to one half, a temperature, is
            applied to the other. By default their places.
        clean: of shifted images the logits, labels and ids of those that temperatures and
            conformal sets are fitted to: see `recalibration.cross_fitted`.

    Returns:
        What to write as JSON: ``definitions`` maps a definition of uncertainty to its metrics, each
        with a ``value`` (None where undefined) and, where bootstrapped, the bounds ``low`` and
        ``high``. And the curves: ``<definition>/predicted`` and ``<definition>/oracle``
        [steps + 1], ``<definition>/reliability`` [bins, 3]. Where bootstrapped, of the default
        definition, ``<definition>/resamples/<metric>`` float32 [bootstrap], and
        ``<definition>/own/<metric>``, the same of the images themselves: of calibration errors both
        are debiased and may be below 0.

    Raises:
        PipelineError: an unknown method, or logits, labels or options that are not valid.
    """
    estimate_all = UNCERTAINTIES.load(method).estimates
    estimates: dict[str, Estimate] = estimate_all(logits, **options)
    fitted: dict[str, Estimate] = estimate_all(clean[0], **options) if clean else {}
    default = next(iter(estimates))
    evaluations: dict[str, Evaluation] = {}
    # Definitions mostly share their probabilities, and what follows from these alone.
    outcomes: dict[int, Outcomes] = {}
    halved: dict[int, Halved] = {}
    for name, estimate in estimates.items():
        key = id(estimate.probabilities)
        if key not in outcomes:
            outcomes[key] = _outcomes(estimate, logits, labels)
            fit = (_logits(fitted[name]), clean[1], clean[2]) if clean else None
            halved[key] = Halved(
                estimate.probabilities, labels, outcomes[key].wrong, ids, _logits(estimate), fit
            )
        evaluations[name] = Evaluation.of(
            estimate.probabilities,
            labels,
            estimate.uncertainty,
            estimate.confidence,
            outcomes=outcomes[key],
            halved=halved[key],
            bins=bins[0],
            steps=steps,
            ties=ties,
        )
    resampled: Sequence[Mapping[str, Floats]] = [{}] * len(evaluations)
    if bootstrap:
        resampled = bootstrap_each([*evaluations.values()], resamples=bootstrap, seed=seed)

    definitions: dict[str, Any] = {}
    curves: Curves = {}
    values: dict[int, dict[str, float]] = {}
    for (name, evaluation), drawn in zip(evaluations.items(), resampled, strict=True):
        known = values.get(id(evaluation.outcomes), {})
        found = values[id(evaluation.outcomes)] = _values(evaluation, bins, known)
        definitions[name] = _entries(evaluation, found, drawn)
        curves |= {f"{name}/{curve}": array for curve, array in _curves(evaluation).items()}
    for metric, array in resampled[0].items():
        curves[f"{default}/resamples/{metric}"] = array.astype(np.float32)
        own = own_value(METRICS_BY_KEY[metric], evaluations[default])
        curves[f"{default}/own/{metric}"] = np.asarray(own)

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


def _logits(estimate: Estimate) -> Floats:
    """Those that a method made its probabilities from, or the logarithms of these."""
    return as_logits(estimate.probabilities) if estimate.logits is None else estimate.logits


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


def _outcomes(estimate: Estimate, logits: Logits, labels: NDArray[np.integer]) -> Outcomes:
    """With log p[y] from the logits where p[y] is too small for a number."""
    outcomes = Outcomes.of(estimate.probabilities, labels)
    lost = np.flatnonzero(outcomes.nll > LARGEST_NLL)
    if len(lost) == 0:
        return outcomes
    nll = outcomes.nll.copy()
    nll[lost] = -log_likelihood(logits, labels, lost)
    return replace(outcomes, nll=nll)


def _entries(
    evaluation: Evaluation, values: Mapping[str, float], resampled: Mapping[str, Floats]
) -> dict[str, dict[str, float | None]]:
    """Values and bounds by metric; JSON knows no NaN."""
    entries = {key: {"value": value} for key, value in values.items()}
    for metric in METRICS:
        source = catalogue.of_interval(metric)
        if isinstance(source.interval, Interval) and source.key in resampled:
            own = own_value(source, evaluation)
            low, high = source.interval.bounds(own, resampled[source.key], evaluation)
            entries[metric.key] |= {"low": low, "high": high}
    return {
        key: {name: None if math.isnan(number) else number for name, number in entry.items()}
        for key, entry in entries.items()
    }
