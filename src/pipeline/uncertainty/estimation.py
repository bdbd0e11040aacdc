"""An estimate: what a method predicts for each image, and how uncertain it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.uncertainty.definitions import COMPARING_SAMPLES, DEFINITIONS, Floats, define

Logits = NDArray[np.floating] | Sequence[NDArray[np.floating]]

# Logits converted to float64 at a time: few enough for the processor's cache.
BLOCK = 2**18
# The squares of larger logits, of which variances are made, overflow.
LARGEST = 1e150


class LogitsError(PipelineError):
    """Logits are not numbers to compute with; `part` counts the given arrays, from 0."""

    def __init__(self, message: str, part: int) -> None:
        super().__init__(message)
        self.part = part


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
        logits: [N, C], whose softmax the probabilities are, if it is known.
    """

    probabilities: Floats
    prediction: NDArray[np.int64]
    uncertainty: Floats
    confidence: Floats
    logits: Floats | None = None


def estimate(logits: Logits, score: str = "logit_variance", *, clip: float = 0.0) -> Estimate:
    """The estimate by one definition of uncertainty.

    With mean logits μ over the samples, p = softmax(μ) and ŷ = argmax p, the definitions are

    - ``msp``: 1 − p[ŷ] (Hendrycks & Gimpel, 2017);
    - ``logit_variance``: the population variance over the samples of logit ŷ (paper, Eq. 6);
    - ``probability_variance``: the same of the samples' softmax probabilities;
    - ``max_probability``: 1 − the largest of the probabilities averaged over the samples;
    - ``entropy``: of the averaged probabilities, in nats;
    - ``mutual_information``: that entropy − the mean entropy of the samples (Houlsby et al., 2011),
      the epistemic part of the entropy (Depeweg et al., 2018);
    - ``expected_entropy``: the mean entropy of the samples, the aleatoric part;
    - ``disagreement``: the share of the pairs of samples that predict different classes;
    - ``max_logit``: −max μ (Hendrycks et al., 2022);
    - ``energy``: −log Σ exp μ (Liu et al., 2020).

    Args:
        logits: [samples, images, classes], or a sequence of such arrays with as many images and
            classes each; any floating type, computed in float64.
        score: one of `DEFINITIONS`.
        clip: the uncertainty is clipped to its quantiles `clip` and 1 − `clip` before it is
            normalised to a confidence, in [0, 0.5); 0 takes the smallest and the largest.

    Raises:
        PipelineError: the logits have another shape or are not finite, the score is unknown, or it
            compares samples and there is only one.
    """
    _check_known(score, tuple(DEFINITIONS))
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
    samples, part_of = _samples(logits)
    for score in wanted:
        if score in COMPARING_SAMPLES and len(samples) == 1:
            raise PipelineError(f"{score} compares samples, and the logits hold only one")

    images, classes = samples[0].shape
    probabilities, means = np.empty((images, classes)), np.empty((images, classes))
    prediction = np.empty(images, np.int64)
    uncertainty = {score: np.empty(images) for score in wanted}
    for rows, z in _blocks(samples, part_of):
        means[rows] = z.mean(axis=0)
        probabilities[rows], prediction[rows], values = define(z, means[rows], wanted)
        for score in wanted:
            uncertainty[score][rows] = values[score]

    return {
        score: Estimate(
            probabilities,
            prediction,
            values,
            probabilities.max(axis=1) if score == "msp" else 1 - _normalised(values, clip),
            means,
        )
        for score, values in uncertainty.items()
    }


def _check_known(score: str, known: Sequence[str]) -> None:
    if score not in known:
        raise PipelineError(f"unknown uncertainty score {score!r}; known: {', '.join(known)}")


def log_likelihood(
    logits: Logits, labels: NDArray[np.integer], images: NDArray[np.integer]
) -> Floats:
    """Logarithm of p[y] of some of the images, also where p[y] is too small for a number.

    Args:
        logits: as in `estimate`.
        labels: [N].
        images: which ones, [n].

    Returns:
        [n], of the softmax p of the mean logits.
    """
    samples, _ = _samples(logits)
    z = np.stack([sample[images] for sample in samples], dtype=np.float64).mean(axis=0)
    z -= z.max(axis=1, keepdims=True)
    likelihood = z[np.arange(len(images)), labels[images]] - np.log(np.exp(z).sum(axis=1))
    return np.asarray(likelihood)


def _samples(logits: Logits) -> tuple[list[NDArray[np.floating]], list[int]]:
    """Views [N, C] of every sample, and which of the given arrays each is from."""
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
    return samples, [number for number, part in enumerate(parts) for _ in part]


def _blocks(
    samples: list[NDArray[np.floating]], part_of: Sequence[int]
) -> Iterator[tuple[slice, Floats]]:
    """Finite float64 logits [S, n, C], a few images at a time, so that memory is bounded."""
    images, classes = samples[0].shape
    step = max(1, BLOCK // (len(samples) * classes))
    for start in range(0, images, step):
        rows = slice(start, start + step)
        z = np.stack([sample[rows] for sample in samples], dtype=np.float64)
        # Written so that NaN is bad, too.
        bad = ~(np.abs(z) <= LARGEST)
        if bad.any():
            sample, image, label = map(int, np.argwhere(bad)[0])
            raise LogitsError(
                f"logits hold {z[sample, image, label]:g} (sample {sample}, image {start + image}, "
                f"class {label}), expected finite numbers up to {LARGEST:g}",
                part_of[sample],
            )
        yield rows, z


def _normalised(uncertainty: Floats, clip: float) -> Floats:
    """Uncertainties in [0, 1] between the quantiles `clip` and 1 − `clip`; 0 if these are equal."""
    low, high = np.quantile(uncertainty, [clip, 1 - clip])
    if low == high:
        return np.zeros_like(uncertainty)
    return np.asarray((uncertainty.clip(low, high) - low) / (high - low))
