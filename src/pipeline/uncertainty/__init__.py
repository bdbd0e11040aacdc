"""From logits to class probabilities and an uncertainty of each image.

A method is a module of this folder: ``MODELS`` says which networks it predicts with, and
``estimates`` turns their logits into estimates, its own definition of uncertainty first:

    MODELS = "ensemble"

    def estimates(logits, *, score: Literal["entropy", "mutual_information"] = "entropy"):
        return compare(logits, ("entropy", "mutual_information"), score)

``MODELS`` is "member" (one deterministic pass of one network), "ensemble" (one pass of each member)
or "dropout" (several passes of the network that was trained with dropout). Logits are one array
[samples, images, classes], or a sequence of such arrays, say one memory-mapped file a member.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PipelineError

Floats = NDArray[np.float64]
Logits = NDArray[np.floating] | Sequence[NDArray[np.floating]]

# Every definition of uncertainty; those of DISAGREEMENT compare samples, so they need two.
SCORES = (
    "logit_variance",
    "probability_variance",
    "max_probability",
    "entropy",
    "mutual_information",
    "msp",
)
DISAGREEMENT = ("logit_variance", "probability_variance", "mutual_information")

# Logits converted to float64 at a time: few enough for the processor's cache.
BLOCK = 2**18


@dataclass(frozen=True)
class Estimate:
    """A prediction of N images over C classes, and how uncertain it is by one definition.

    Attributes:
        probabilities: [N, C], the softmax of the mean logits.
        prediction: [N], the most probable class.
        uncertainty: [N], higher is less certain; only its order and its ties are comparable
            between definitions.
        confidence: [N], in [0, 1], for calibration: the predicted class's probability for ``msp``,
            else 1 − the uncertainty, min-max-normalised over the images (paper, Section 6.1).
    """

    probabilities: Floats
    prediction: NDArray[np.int64]
    uncertainty: Floats
    confidence: Floats


def estimate(logits: Logits, score: str = "logit_variance", *, clip: float = 0.0) -> Estimate:
    """The estimate by one definition of uncertainty.

    With mean logits μ over the samples, p = softmax(μ) and ŷ = argmax p, the definitions are

    - ``msp``: 1 − p[ŷ] (Hendrycks & Gimpel, 2017);
    - ``logit_variance``: the population variance over the samples of logit ŷ (paper, Eq. 6);
    - ``probability_variance``: the same of the samples' softmax probabilities;
    - ``max_probability``: 1 − the largest of the probabilities averaged over the samples;
    - ``entropy``: of the averaged probabilities, in nats;
    - ``mutual_information``: that entropy − the mean entropy of the samples (Houlsby et al., 2011).

    Args:
        logits: [samples, images, classes], or a sequence of such arrays with as many images and
            classes each; any floating type, computed in float64.
        score: one of `SCORES`.
        clip: the uncertainty is clipped to its quantiles `clip` and 1 − `clip` before it is
            normalised to a confidence, in [0, 0.5); 0 takes the smallest and the largest.

    Raises:
        PipelineError: the logits have another shape or are not finite, the score is unknown, or it
            compares samples and there is only one.
    """
    _check_known(score, SCORES)
    return compare(logits, (score,), score, clip=clip)[score]


def compare(
    logits: Logits, scores: Sequence[str], first: str, *, clip: float = 0.0
) -> dict[str, Estimate]:
    """The estimates by several definitions, `first` and then the other `scores`, from one pass.

    They share the probabilities. Definitions, arguments and errors are those of `estimate`.
    """
    _check_known(first, scores)
    if not 0 <= clip < 0.5:
        raise PipelineError(f"clip is {clip}, expected a quantile in [0, 0.5)")
    wanted = [first, *(score for score in scores if score != first)]
    samples = _samples(logits)
    for score in wanted:
        if score in DISAGREEMENT and len(samples) == 1:
            raise PipelineError(f"{score} compares samples, and the logits hold only one")

    images, classes = samples[0].shape
    probabilities = np.empty((images, classes))
    prediction = np.empty(images, np.int64)
    uncertainty = {score: np.empty(images) for score in wanted}
    for rows, z in _blocks(samples):
        probabilities[rows], prediction[rows], values = _scored(z, wanted)
        for score in wanted:
            uncertainty[score][rows] = values[score]

    return {
        score: Estimate(
            probabilities,
            prediction,
            values,
            probabilities.max(axis=1) if score == "msp" else 1 - _normalised(values, clip),
        )
        for score, values in uncertainty.items()
    }


def _check_known(score: str, known: Sequence[str]) -> None:
    if score not in known:
        raise PipelineError(f"unknown uncertainty score {score!r}; known: {', '.join(known)}")


def _samples(logits: Logits) -> list[NDArray[np.floating]]:
    """Views [N, C] of every sample."""
    parts = [logits] if isinstance(logits, np.ndarray) else [np.asarray(part) for part in logits]
    shapes = ", ".join(str(part.shape) for part in parts) or "none"
    if not parts or any(part.ndim != 3 for part in parts):
        raise PipelineError(f"logits have shape {shapes}, expected [samples, images, classes]")
    samples = [sample for part in parts for sample in part]
    if not samples or len({sample.shape for sample in samples}) > 1:
        raise PipelineError(
            f"logits have shape {shapes}, expected at least one sample "
            "and as many images and classes in each"
        )
    images, classes = samples[0].shape
    if images < 1 or classes < 2:
        raise PipelineError(f"logits have shape {shapes}, expected at least 1 image and 2 classes")
    return samples


def _blocks(samples: list[NDArray[np.floating]]) -> Iterator[tuple[slice, Floats]]:
    """Finite float64 logits [S, n, C], a few images at a time, so that memory is bounded."""
    images, classes = samples[0].shape
    step = max(1, BLOCK // (len(samples) * classes))
    for start in range(0, images, step):
        rows = slice(start, start + step)
        z = np.stack([sample[rows] for sample in samples], dtype=np.float64)
        if not np.isfinite(z).all():
            sample, image, label = np.argwhere(~np.isfinite(z))[0]
            raise PipelineError(
                f"logits hold {z[sample, image, label]} (sample {sample}, image {start + image}, "
                f"class {label}), expected finite numbers"
            )
        yield rows, z


def _softmax(z: Floats) -> tuple[Floats, Floats]:
    """Probabilities [..., C], and 1 − the largest one [...].

    The latter is -expm1(log p) for p = 1 / (1 + the other classes' odds), and exact where p rounds
    to 1: confident predictions stay ranked.
    """
    odds = np.exp(z - z.max(axis=-1, keepdims=True))
    largest = odds.argmax(axis=-1)[..., None]
    np.put_along_axis(odds, largest, 0.0, axis=-1)
    others = odds.sum(axis=-1, keepdims=True)
    np.put_along_axis(odds, largest, 1.0, axis=-1)
    odds /= 1 + others
    return odds, -np.expm1(-np.log1p(others[..., 0]))


def _entropy(p: Floats) -> Floats:
    return np.asarray(-np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=-1))


def _scored(
    z: Floats, scores: Sequence[str]
) -> tuple[Floats, NDArray[np.int64], dict[str, Floats]]:
    """Probabilities [n, C], predictions [n] and uncertainties [n] of logits [S, n, C]."""
    p, remainder = _softmax(z.mean(axis=0))
    prediction = p.argmax(axis=1)
    images = np.arange(len(prediction))
    values = {"msp": remainder}
    if "logit_variance" in scores:
        values["logit_variance"] = z[:, images, prediction].var(axis=0)
    if set(scores) <= values.keys():
        return p, prediction, values

    each = p[None] if len(z) == 1 else _softmax(z)[0]
    mean = each.mean(axis=0)
    if "probability_variance" in scores:
        values["probability_variance"] = each[:, images, prediction].var(axis=0)
    if "entropy" in scores or "mutual_information" in scores:
        values["entropy"] = _entropy(mean)
    if "mutual_information" in scores:
        # Not below 0, save by rounding.
        information = values["entropy"] - _entropy(each).mean(axis=0)
        values["mutual_information"] = np.maximum(information, 0.0)
    if "max_probability" in scores:
        # The sum of the others is 1 − the largest without its rounding.
        mean[images, mean.argmax(axis=1)] = 0.0
        values["max_probability"] = mean.sum(axis=1)
    return p, prediction, values


def _normalised(uncertainty: Floats, clip: float) -> Floats:
    """Uncertainties in [0, 1] between the quantiles `clip` and 1 − `clip`; 0 if these are equal."""
    low, high = np.quantile(uncertainty, [clip, 1 - clip])
    if low == high:
        return np.zeros_like(uncertainty)
    return np.asarray((uncertainty.clip(low, high) - low) / (high - low))
