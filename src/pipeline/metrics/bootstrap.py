"""Intervals of the metrics, by drawing the test images again.

    >>> resampled = bootstrap(Outcomes.of(P, y), u)
    >>> low, high = percentile_interval(resampled["ause"])

Networks that predicted the same images are resampled alike, so the difference of two networks has
an interval of its own, of the differences resample by resample: a paired comparison.
"""

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import PipelineError
from pipeline.metrics.calibration import gap_columns
from pipeline.metrics.outcomes import Outcomes, blocks
from pipeline.metrics.ranking import Floats, Uncertainty, sparsification_areas


def bootstrap(
    outcomes: Outcomes,
    uncertainty: Uncertainty = None,
    confidence: ArrayLike | None = None,
    *,
    bins: int = 15,
    steps: int = 50,
    ties: str = "inclusive",
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Floats]:
    """Metrics of resamples of the images, drawn with replacement (Efron & Tibshirani, 1993).

    Args:
        outcomes: of the N images.
        uncertainty: [N], by default 1 − the confidence of `outcomes`.
        confidence: [N], for ``ece``, by default that of `outcomes`.
        bins: of the calibration errors.
        steps: of the sparsification curves.
        ties: of the sparsification curves.
        resamples: number of resamples.
        seed: of the resamples; the same seed and N give the same ones.

    Returns:
        [resamples] of ``accuracy``, ``nll``, ``brier``, ``ece``, ``ece_probability`` (on the
        confidence of `outcomes`), ``ause`` and ``aurc``.
    """
    if resamples < 1:
        raise PipelineError(f"resamples is {resamples}, expected at least 1")
    wrong, images = outcomes.wrong, len(outcomes.wrong)
    ranking, oracle = outcomes.ranking(uncertainty), outcomes.oracle()
    sums = {
        "accuracy": ~wrong[:, None],
        "nll": outcomes.nll[:, None],
        "brier": outcomes.brier[:, None],
        "ece": gap_columns(outcomes.confidence if confidence is None else confidence, wrong, bins),
        "ece_probability": gap_columns(outcomes.confidence, wrong, bins),
    }
    columns = np.concatenate(list(sums.values()), axis=1)
    splits = np.cumsum([part.shape[1] for part in sums.values()])[:-1]

    generator = np.random.default_rng(seed)
    values: dict[str, list[Floats]] = {name: [] for name in (*sums, "ause", "aurc")}
    for rows in blocks(resamples, images):
        drawn = generator.integers(images, size=(rows.stop - rows.start, images))
        weights = np.stack([np.bincount(row, minlength=images) for row in drawn])
        for name, part in zip(sums, np.split(weights @ columns, splits, axis=1), strict=True):
            # Only a bin's gap can be negative: of the others this is the mean.
            values[name].append(np.abs(part).sum(axis=1) / images)
        predicted, ideal = ranking.retained(weights), oracle.retained(weights)
        curves = (kept.curve(steps=steps, ties=ties) for kept in (predicted, ideal))
        values["ause"].append(sparsification_areas(*curves)["ause"])
        values["aurc"].append(predicted.aurc())
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


def percentile_interval(resampled: Floats) -> tuple[float, float]:
    """The 95 % interval of a metric from its resamples [R].

    Of a network's own it holds for this one, as it was trained: what another training would change
    is not in it.
    """
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(low), float(high)
