"""What is fitted to one half of the test images and applied to the other, computed once."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.conformal import Method, conformal_sets
from pipeline.metrics.halves import Clean, halves
from pipeline.metrics.outcomes import Outcomes, blocks
from pipeline.metrics.ranking import Bools, Floats
from pipeline.metrics.recalibration import log_softmax, temperatures


@dataclass(frozen=True)
class Halved:
    """Test images in two halves.

    Attributes:
        probabilities: [N, C].
        labels: [N].
        wrong: [N], whether the image is classified wrongly.
        ids: [N], which tell the halves; by default the images' places.
        logits: mean logits [N, C]; by default the logarithms of the probabilities.
        clean: mean logits, labels and ids of other images to fit to; see `cross_fitted`.
    """

    probabilities: Floats
    labels: NDArray[np.integer]
    wrong: Bools
    ids: NDArray[np.generic] | None = None
    logits: Floats | None = None
    clean: Clean | None = None

    @cached_property
    def temperature(self) -> float:
        """The geometric mean of the two temperatures, NaN where one is missing."""
        return math.sqrt(math.prod(self._temperatures))

    @cached_property
    def scaled(self) -> Outcomes:
        """What becomes of each image after temperature scaling; NaN without a temperature."""
        divisors = np.where(halves(self._ids), *self._temperatures)[:, None]
        confidence, nll, brier = (np.full(len(self.labels), np.nan) for _ in range(3))
        for rows in blocks(*self.probabilities.shape) if not math.isnan(self.temperature) else ():
            logarithms = log_softmax(self._logits[rows] / divisors[rows])
            images, labels = np.arange(len(logarithms)), self.labels[rows]
            nll[rows] = -logarithms[images, labels]
            gap = np.exp(logarithms)
            confidence[rows] = gap.max(axis=1)
            gap[images, labels] -= 1
            brier[rows] = np.einsum("nc,nc->n", gap, gap)
        return Outcomes(self.wrong, confidence, nll, brier)

    def error(self, of: Callable[..., float], bins: int) -> float:
        """A calibration error after temperature scaling, NaN where there is no temperature."""
        if math.isnan(self.temperature):
            return math.nan
        return of(self.scaled.confidence, ~self.wrong, bins=bins)

    def covered(self, method: Method) -> Bools:
        """Whether the conformal set of each image holds its label, [N]."""
        return self._sets[method][0]

    def sizes(self, method: Method) -> NDArray[np.integer]:
        """How many classes are in the conformal set of each image, [N]."""
        return self._sets[method][1]

    @cached_property
    def _sets(self) -> dict[Method, tuple[Bools, NDArray[np.integer]]]:
        clean = self.clean and (
            np.exp(log_softmax(np.asarray(self.clean[0], np.float64))),
            *self.clean[1:],
        )
        images = np.arange(len(self.labels))
        found: dict[Method, tuple[Bools, NDArray[np.integer]]] = {}
        methods: tuple[Method, ...] = ("lac", "aps")
        for method in methods:
            sets = conformal_sets(
                self.probabilities, self.labels, self._ids, method=method, clean=clean
            )
            found[method] = sets[images, self.labels], sets.sum(axis=1)
        return found

    @cached_property
    def _temperatures(self) -> tuple[float, float]:
        return temperatures(*(self.clean or (self._logits, self.labels, self._ids)))

    @cached_property
    def _logits(self) -> Floats:
        return as_logits(self.probabilities) if self.logits is None else self.logits

    @cached_property
    def _ids(self) -> NDArray[np.generic]:
        return np.arange(len(self.labels)) if self.ids is None else self.ids


def as_logits(P: Floats) -> Floats:
    """Logits of probabilities [N, C], of which 0 counts as the smallest number above it."""
    return np.asarray(np.log(np.maximum(P, np.finfo(np.float64).smallest_subnormal)))
