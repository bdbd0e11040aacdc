"""What became of each image: all that the metrics need to know of probabilities and labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import PipelineError
from pipeline.metrics.ranking import Bools, Floats, Ranking, Uncertainty

# By how much a row of probabilities may miss a sum of 1: what float16 leaves of it.
TOLERANCE = 1e-3
# Numbers worked on at a time: few enough for the processor's cache.
BLOCK = 2**16


@dataclass(frozen=True)
class Outcomes:
    """What became of each of N images; every attribute is [N].

    Attributes:
        wrong: whether the most probable class ŷ (the first of several) is not the label.
        confidence: P[ŷ].
        nll: −log P[y], by which the oracle ranks: the order of 1 − P[y] (paper, Algorithm 1,
            line 14), without the ties of all that rounds to 1.
        brier: Σ_c (P[c] − [c = y])².
    """

    wrong: Bools
    confidence: Floats
    nll: Floats
    brier: Floats

    @classmethod
    def of(cls, P: ArrayLike, y: ArrayLike, log_likelihood: ArrayLike | None = None) -> "Outcomes":
        """Outcomes of probabilities P [N, C] and labels y [N].

        A softmax reaches 0 only by underflow: there P[y] counts as the smallest positive number,
        so that −log P[y] is 744.4, unless `log_likelihood` [N] says what log P[y] is.

        Raises:
            PipelineError: there is no image, the shapes do not match, a row of P is not a
                distribution, or a label is not a class.
        """
        P, y = np.asarray(P, np.float64), np.asarray(y)
        check_shapes(P, y)
        true, confidence, brier = (np.empty(len(P)) for _ in range(3))
        wrong = np.empty(len(P), np.bool_)
        for rows in blocks(len(P), P.shape[1]):
            p, label = P[rows], y[rows]
            check_distributions(p, rows.start)
            images = np.arange(len(p))
            prediction = p.argmax(axis=1)
            wrong[rows] = prediction != label
            confidence[rows] = p[images, prediction]
            true[rows] = p[images, label]
            gap = p.copy()
            gap[images, label] -= 1
            brier[rows] = np.einsum("nc,nc->n", gap, gap)
        if log_likelihood is None:
            log_likelihood = np.log(np.maximum(true, np.finfo(np.float64).smallest_subnormal))
        return cls(wrong, confidence, -np.asarray(log_likelihood, np.float64), brier)

    def ranking(self, uncertainty: Uncertainty = None) -> Ranking:
        """The images by an uncertainty [N], or by 1 − `confidence`."""
        return Ranking(1 - self.confidence if uncertainty is None else uncertainty, self.wrong)

    @cached_property
    def oracle(self) -> Ranking:
        """The images by how improbable their label is."""
        return Ranking(self.nll, self.wrong)


def accuracy(P: ArrayLike, y: ArrayLike) -> float:
    """Fraction of the images whose most probable class is the label."""
    return float(np.mean(~Outcomes.of(P, y).wrong))


def nll(P: ArrayLike, y: ArrayLike) -> float:
    """Mean negative log-likelihood of the labels, in nats; finite, see `Outcomes`."""
    return float(Outcomes.of(P, y).nll.mean())


def brier(P: ArrayLike, y: ArrayLike) -> float:
    """Brier score, the mean squared distance of P to the one-hot label, in [0, 2] (Brier, 1950)."""
    return float(Outcomes.of(P, y).brier.mean())


def blocks(images: int, width: int) -> Iterator[slice]:
    """Slices of the images, each of about `BLOCK` numbers when an image has `width` of them."""
    step = max(1, BLOCK // width)
    return (slice(start, min(start + step, images)) for start in range(0, images, step))


def check_shapes(P: Floats, y: NDArray[np.generic]) -> None:
    """Raise PipelineError unless P is [N, C] and y holds N of its classes."""
    if P.ndim != 2 or P.shape[0] < 1 or P.shape[1] < 2:
        raise PipelineError(
            f"probabilities have shape {P.shape}, expected [images, classes] "
            "with at least 1 image and 2 classes"
        )
    if y.shape != P.shape[:1] or y.dtype.kind not in "iu":
        raise PipelineError(
            f"labels have shape {y.shape} and type {y.dtype}, expected {len(P)} integers"
        )
    if y.min() < 0 or y.max() >= P.shape[1]:
        raise PipelineError(
            f"labels run from {y.min()} to {y.max()}, expected 0 to {P.shape[1] - 1}"
        )


def check_distributions(p: Floats, first: int) -> None:
    """Raise PipelineError unless rows `first`, `first` + 1, … are distributions."""
    # Written so that NaN is bad, too.
    bad = ~((p.min(axis=1) >= 0) & (np.abs(p.sum(axis=1) - 1) <= TOLERANCE))
    if bad.any():
        image = int(bad.argmax())
        raise PipelineError(
            f"probabilities of image {first + image} have the sum {p[image].sum():.6g} and the "
            f"minimum {p[image].min():.6g}, expected a sum of 1 and none below 0"
        )
