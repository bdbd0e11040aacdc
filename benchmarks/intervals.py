"""Whether intervals cover, and how often verdicts say what is not so: simulations.

    python benchmarks/intervals.py --runs 300 > intervals.json

Classifiers are made up whose probability to be right is known for every confidence, so the truth
never comes from the code under test:

- `calibration`: one network's debiased calibration error. The truth is that of
  2,000,000 images with the probability in place of labels.
- `pairs`: the difference of two networks on the same images, calibrated ones of unequal accuracy
  among them, which nothing should be said of, and ones that differ by .05.
- `clipped`: the same of an ensemble's confidence, scaled between quantiles of the uncertainty.
- `chance`: how often a random uncertainty, and one that is a little better, is called better.
- `ranking`: AUSE, AURC, AUROC and their kin with few errors, and FPR95.
- `accuracy`: of proportions near 1.

The resamples are the same in all runs, as they are for all networks of a study.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pipeline.metrics.bootstrap import count_weights
from pipeline.metrics.catalogue import METRICS
from pipeline.metrics.chance import LEVEL, permutation_test, state
from pipeline.metrics.clipped import CLIP, ClippedUncertainty
from pipeline.metrics.debiased import debiased, gap_sums, shifted_interval
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.intervals import FEWEST, percentile_interval, percentiles, rarer
from pipeline.metrics.metric import RANKING
from pipeline.metrics.proportions import proportion_interval, unseen
from pipeline.metrics.ranking import Floats, Ranking, sparsification_areas

BINS = 15
# Metrics of a ranking that are computed on request alone, and one that is of the accuracy alone.
ASKED = ("ause_average_ties", "random_level")
# Images for the truth.
MANY = 2_000_000
RESAMPLES = 1000
# Of the logit of the confidence: its slope in the logit of the truth, and what is added.
SHAPES = {
    "calibrated": (1.0, 0.0),
    "overconfident": (0.6, 0.0),
    "slightly overconfident": (0.9, 0.0),
    "underconfident": (1.5, 0.0),
    "shifted": (1.0, -0.7),
}


def logistic(x: Floats) -> Floats:
    """From a logit to a probability."""
    return np.asarray(1 / (1 + np.exp(-x)))


def confidences(dice: np.random.Generator, images: int, level: float) -> Floats:
    """Logits of confidences above one half, the higher the easier the images are."""
    return np.abs(dice.normal(level, 2.0, images))


def right(logits: Floats, shape: str) -> Floats:
    """The probability to be right."""
    slope, offset = SHAPES[shape]
    return logistic(slope * logits + offset)


def true_error(confidence: Floats, probability: Floats) -> float:
    """The calibration error in bins (a, b], with probabilities to be right in place of labels."""
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(place, confidence - probability, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


@lru_cache(maxsize=1)
def weights(images: int) -> Any:
    """Count weights of the resamples; small numbers, so that products are fast."""
    return np.concatenate([*count_weights(images, RESAMPLES, 0)]).astype(np.float32)


def error_of(confidence: Floats, wrong: Any) -> tuple[float, Floats]:
    """The debiased error before it is cut at 0, and its resamples."""
    columns = gap_sums(confidence, wrong, BINS)
    images = len(wrong)
    resampled = (weights(images) @ columns.astype(np.float32)).astype(np.float64)
    return debiased(columns.sum(axis=0), images).item(), debiased(resampled, images)


def clipped_error_of(u: Floats, wrong: Any) -> tuple[float, Floats]:
    """The same between quantiles of an uncertainty, which every resample has anew."""
    clipped, images = ClippedUncertainty(u, wrong), len(wrong)
    sums = clipped.sums(np.ones((1, images), np.int64), BINS)
    rows = np.array_split(weights(images), 1 + images // 100)
    resampled = np.concatenate([clipped.sums(part.astype(np.int64), BINS) for part in rows])
    return debiased(sums, images).item(), debiased(resampled, images)


def calibration(runs: int, sizes: list[int], dice: np.random.Generator) -> list[dict[str, Any]]:
    """Coverage of one network's calibration error."""
    found = []
    for images in sizes:
        for shape in SHAPES:
            for level in (0.0, 1.5, 4.0, 7.0, 10.0):
                many = confidences(dice, MANY, level)
                truth = true_error(logistic(many), right(many, shape))
                covered, widths, errors = 0, [], 0
                for _ in range(runs):
                    z = confidences(dice, images, level)
                    wrong = dice.random(images) > right(z, shape)
                    low, high = shifted_interval(*error_of(logistic(z), wrong))
                    few = min(wrong.sum(), images - wrong.sum()) < FEWEST
                    reach = unseen(images) if few else 0.0
                    low, high = max(low - reach, 0.0), max(high + reach, 0.0)
                    covered += low <= truth <= high
                    widths.append(high - low)
                    errors += int(wrong.sum())
                found.append({
                    "shape": shape, "images": images, "truth": round(truth, 4),
                    "accuracy": round(1 - errors / runs / images, 4), "runs": runs,
                    "coverage": round(covered / runs, 3), "width": round(np.mean(widths), 4),
                })  # fmt: skip
    return found


def pairs(runs: int, sizes: list[int], dice: np.random.Generator) -> list[dict[str, Any]]:
    """Coverage of the difference of two networks, and how often it is decided.

    Both see the same images: what is hard for one is hard for the other.
    """
    kinds = {
        "both calibrated": (("calibrated", 4.0), ("calibrated", 0.0)),
        "both overconfident, equal error": (("overconfident", 0.0), ("overconfident", 0.6)),
        "different by .05": (("calibrated", 1.0), ("overconfident", 4.8)),
        "different by .08": (("calibrated", 1.0), ("overconfident", 1.0)),
    }
    return [
        {"pair": name} | _pair(runs, images, dice, error_of, *kind, clip=False)
        for images in sizes
        for name, kind in kinds.items()
    ]


def clipped(runs: int, sizes: list[int], dice: np.random.Generator) -> list[dict[str, Any]]:
    """The same for an uncertainty without a scale, such as a variance of logits."""
    kinds = {
        "equal errors, unequal accuracies": (("calibrated", 4.0), ("calibrated", 4.0)),
        "different": (("calibrated", 1.0), ("overconfident", 1.0)),
    }
    return [
        {"pair": name} | _pair(runs, images, dice, clipped_error_of, *kind, clip=True)
        for images in sizes
        for name, kind in kinds.items()
    ]


def _pair(
    runs: int,
    images: int,
    dice: np.random.Generator,
    measure: Callable[[Floats, Any], tuple[float, Floats]],
    first: tuple[str, float],
    second: tuple[str, float],
    *,
    clip: bool,
) -> dict[str, Any]:
    def draw(count: int) -> list[tuple[Floats, Floats]]:
        base = dice.normal(0, 2, count)
        found = []
        for shape, level in (first, second):
            z = np.abs(level + 0.9 * base + 0.44 * dice.normal(0, 2, count))
            found.append((-z if clip else logistic(z), right(z, shape)))
        return found

    truths = []
    for values, probability in draw(MANY):
        confidence = values
        if clip:
            low, high = np.quantile(values, [CLIP, 1 - CLIP])
            confidence = 1 - (values.clip(low, high) - low) / (high - low)
        truths.append(true_error(confidence, probability))
    truth = truths[1] - truths[0]
    covered = decided = 0
    for _ in range(runs):
        luck = dice.random(images)
        (one, a), (other, b) = (
            measure(values, luck > probability) for values, probability in draw(images)
        )
        low, high = shifted_interval(other - one, b - a)
        covered += low <= truth <= high
        decided += low > 0 or high < 0
    return {
        "images": images, "errors": [round(each, 4) for each in truths], "runs": runs,
        "coverage": round(covered / runs, 3), "decided": round(decided / runs, 3),
    }  # fmt: skip


def chance(runs: int, dice: np.random.Generator) -> list[dict[str, Any]]:
    """How often an uncertainty is called better than chance."""
    found = []
    for images, errors in ((899, 9), (899, 20), (899, 60), (899, 450), (300, 5), (300, 290)):
        drawn = np.concatenate([*count_weights(images, 400, 0)])
        for strength in (0.0, 2.0):
            states: dict[str, int] = {"better": 0, "undecided": 0, "worse or equal": 0}
            # What is found matters less to a tenth of a per cent than what is found by chance.
            tried = runs // 5 if strength else runs
            for run in range(tried):
                wrong = np.zeros(images, bool)
                wrong[dice.permutation(images)[:errors]] = True
                ranking = Ranking(dice.normal(size=images) + strength * wrong, wrong)
                p = permutation_test(ranking, permutations=199, seed=run)
                low = high = np.nan
                # Elsewhere nothing is decided, whatever the interval is.
                if not LEVEL < p < 1 - LEVEL and min(errors, images - errors) >= FEWEST:
                    # A label is improbable where the image is wrong, and a little by chance.
                    oracle = Ranking(wrong + 0.3 * dice.random(images), wrong).retained(drawn)
                    curves = ranking.retained(drawn).curve(), oracle.curve()
                    low, high = percentile_interval(sparsification_areas(*curves)["aurg"])
                states[state(low, high, p)] += 1
            found.append({
                "images": images, "errors": errors, "runs": tried,
                "uncertainty": "informed" if strength else "random",
                **{name: round(count / tried, 3) for name, count in states.items()},
            })  # fmt: skip
    return found


def ranking(
    runs: int,
    dice: np.random.Generator,
    *,
    images: int = 899,
    levels: Sequence[float] = (0.0, 4.0, 5.5, 7.0),
    resamples: int = RESAMPLES,
) -> list[dict[str, Any]]:
    """Coverage of the metrics of a ranking, by a good and by a poor uncertainty.

    The truth is that of 400,000 images. Runs of too few errors for an interval are left out.
    """
    metrics = [m for m in METRICS if m.needs == RANKING and m.interval and m.key not in ASKED]
    drawn = np.concatenate([*count_weights(images, resamples, 0)])
    found = []
    for noise in (0.0, 4.0):
        for level in levels:
            many = _evaluation(dice, 400_000, level, noise)
            truth = {m.key: np.asarray(m.of(many)).item() for m in metrics}
            covered, before = ({m.key: 0 for m in metrics} for _ in range(2))
            errors = []
            for _ in range(runs):
                here = _evaluation(dice, images, level, noise)
                if rarer(here) < FEWEST:
                    continue
                errors.append(int(here.outcomes.wrong.sum()))
                there = here.drawn(drawn)
                for m in metrics:
                    values, own = m.of(there), np.asarray(m.of(here)).item()
                    for bounds, count in ((m.interval.bounds, covered), (percentiles, before)):
                        low, high = bounds(own, values, here)
                        count[m.key] += low <= truth[m.key] <= high
            found += [
                {
                    "metric": key, "uncertainty": "poor" if noise else "good", "images": images,
                    "errors": round(float(np.mean(errors)), 1), "runs": len(errors),
                    "coverage": round(covered[key] / len(errors), 3),
                    "percentiles": round(before[key] / len(errors), 3),
                }
                for key in covered
            ]  # fmt: skip
    return found


def _evaluation(dice: np.random.Generator, images: int, level: float, noise: float) -> Evaluation:
    """Images of three classes; a wrong one's label has a part of what is left to the others."""
    z = confidences(dice, images, level)
    p = logistic(z)
    part = dice.uniform(0.01, 0.99, images)
    P = np.column_stack([p, (1 - p) * part, (1 - p) * (1 - part)])
    return Evaluation.of(
        P, (dice.random(images) > p).astype(int), noise * dice.normal(size=images) - z
    )


def accuracy(runs: int, dice: np.random.Generator) -> list[dict[str, Any]]:
    """Coverage of proportions."""
    found = []
    for images in (100, 899, 10_000):
        for truth in (0.7, 0.98, 0.999, 0.9999):
            counts = dice.binomial(images, truth, size=10 * runs)
            bounds = {count: proportion_interval(int(count), images) for count in set(counts)}
            covered = np.mean([bounds[k][0] <= truth <= bounds[k][1] for k in counts])
            found.append({"images": images, "truth": truth, "coverage": round(float(covered), 3)})
    return found


def simulate(runs: int, sizes: list[int], seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """All of it; chance with at least a thousand runs."""
    dice = np.random.default_rng(seed)
    return {
        "calibration": calibration(runs, sizes, dice),
        "pairs": pairs(runs, sizes, dice),
        "clipped": clipped(max(runs // 3, 1), sizes, dice),
        "chance": chance(max(1000, runs), dice),
        "ranking": ranking(runs, dice),
        "accuracy": accuracy(runs, dice),
    }


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--images", type=int, nargs="+", default=[899, 10_000])
    arguments = parser.parse_args()
    print(json.dumps(simulate(arguments.runs, arguments.images), indent=1))


if __name__ == "__main__":
    main()
