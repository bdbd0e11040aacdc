"""Score predictions: from logits and labels to every metric of every definition of uncertainty."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import metrics
from pipeline.cache import files, payloads, specs
from pipeline.errors import PipelineError
from pipeline.metrics import Floats, Outcomes
from pipeline.registry import UNCERTAINTIES
from pipeline.running.job import Job
from pipeline.uncertainty import Estimate, Logits


def run(spec: specs.Score, job: Job) -> None:
    """Score the predictions of one network, or of an ensemble's members, read one by one.

    Raises:
        PipelineError: the members did not predict the same images.
    """
    members = [payloads.load_predictions(job.payload_path(parent)) for parent in spec.predictions]
    first = members[0]
    for member, parent in zip(members, spec.predictions, strict=True):
        if not (
            np.array_equal(member.ids, first.ids) and np.array_equal(member.labels, first.labels)
        ):
            raise PipelineError(f"{parent.fingerprint} holds other images than the first member")
    content, curves = score(
        [member.logits for member in members],
        first.labels,
        method=spec.uncertainty,
        options=dict(spec.options),
        bins=spec.bins,
        steps=spec.steps,
        ties=spec.ties,
        bootstrap=spec.bootstrap,
        seed=spec.seed,
    )
    models = [{"parameters": member.parameters, "macs": member.macs} for member in members]
    files.write_json(job.path("scores.json"), {"models": models, **content})
    with files.atomic(job.path("curves.npz")) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **curves)  # type: ignore[arg-type]


def score(
    logits: Logits,
    labels: NDArray[np.integer],
    *,
    method: str,
    options: Mapping[str, Any],
    bins: Sequence[int] = (15, 10),
    steps: int = 50,
    ties: str = "inclusive",
    bootstrap: int = 1000,
    seed: int = 0,
) -> tuple[dict[str, Any], dict[str, NDArray[np.floating[Any]]]]:
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
    curves: dict[str, NDArray[np.floating[Any]]] = {}
    # Definitions mostly share their probabilities, and what follows from these alone.
    shared: dict[int, tuple[Outcomes, dict[str, float]]] = {}
    for name, estimate in estimates.items():
        key = id(estimate.probabilities)
        if key not in shared:
            shared[key] = _probability_metrics(estimate.probabilities, labels, bins)
        outcomes, values = shared[key]
        ranked, arrays = _ranking_metrics(outcomes, estimate, bins, steps, ties)
        resampled = {}
        if bootstrap:
            resampled = metrics.bootstrap(
                outcomes,
                estimate.uncertainty,
                estimate.confidence,
                bins=bins[0],
                steps=steps,
                ties=ties,
                resamples=bootstrap,
                seed=seed,
            )
        definitions[name] = _entries(values | ranked, resampled)
        curves |= {f"{name}/{curve}": array for curve, array in arrays.items()}
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


def _probability_metrics(
    probabilities: Floats, labels: NDArray[np.integer], bins: Sequence[int]
) -> tuple[Outcomes, dict[str, float]]:
    """What does not depend on the definition of uncertainty."""
    outcomes = Outcomes.of(probabilities, labels)
    correct = ~outcomes.wrong
    values = {
        "accuracy": float(correct.mean()),
        "nll": float(outcomes.nll.mean()),
        "brier": float(outcomes.brier.mean()),
        **_calibration("ece_probability", outcomes.confidence, correct, bins),
        "adaptive_ece": metrics.adaptive_ece(outcomes.confidence, correct, bins=bins[0]),
        "classwise_ece": metrics.classwise_ece(probabilities, labels, bins=bins[0]),
    }
    return outcomes, values


def _ranking_metrics(
    outcomes: Outcomes, estimate: Estimate, bins: Sequence[int], steps: int, ties: str
) -> tuple[dict[str, float], dict[str, Floats]]:
    """Metrics and curves of one definition of uncertainty."""
    retained = outcomes.ranking(estimate.uncertainty).retained()
    oracle = outcomes.oracle().retained()
    predicted_curve, oracle_curve = (
        kept.curve(steps=steps, ties=ties) for kept in (retained, oracle)
    )
    average = (kept.curve(steps=steps, ties="average") for kept in (retained, oracle))
    values = {
        **metrics.sparsification_areas(predicted_curve, oracle_curve),
        "ause_average_ties": metrics.sparsification_areas(*average)["ause"],
        "aurc": retained.aurc(),
        "eaurc": retained.eaurc(),
        "augrc": retained.augrc(),
        "auroc": retained.auroc(),
        "fpr95": retained.fpr95(),
    }
    correct = ~outcomes.wrong
    arrays = {
        "predicted": predicted_curve[0],
        "oracle": oracle_curve[0],
        "reliability": metrics.reliability_bins(estimate.confidence, correct, bins=bins[0]),
    }
    return {
        **{name: value.item() for name, value in values.items()},
        **_calibration("ece", estimate.confidence, correct, bins),
    }, arrays


def _calibration(
    name: str, confidence: Floats, correct: NDArray[np.bool_], bins: Sequence[int]
) -> dict[str, float]:
    """The calibration error for every number of bins, by `name` for the first one."""
    return {
        name if number == bins[0] else f"{name}_{number}": metrics.ece(
            confidence, correct, bins=number
        )
        for number in bins
    }


def _entries(
    values: Mapping[str, float], resampled: Mapping[str, Floats]
) -> dict[str, dict[str, float | None]]:
    """Values and intervals by metric; JSON knows no NaN."""
    entries: dict[str, dict[str, float | None]] = {}
    for name, value in values.items():
        entries[name] = {"value": None if math.isnan(value) else value}
        if name in resampled:
            low, high = metrics.percentile_interval(resampled[name])
            entries[name] |= {"low": low, "high": high}
    return entries
