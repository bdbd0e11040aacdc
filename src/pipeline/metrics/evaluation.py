"""What a metric reads: the predictions of N images by one definition of uncertainty.

    >>> here = Evaluation.of(P, y, u)
    >>> here.ranked.areas["ause"], here.drawn(weights).ranked.areas["ause"]

The second are the areas of resamples, [R] numbers for weights [R, N]: a metric of the ranking is
one function for both.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.metrics.halved import Halved
from pipeline.metrics.outcomes import Outcomes
from pipeline.metrics.ranking import (
    Bools,
    Floats,
    Ints,
    Ranking,
    Retained,
    Uncertainty,
    sparsification_areas,
)


@dataclass(frozen=True)
class Ranked:
    """Images by their uncertainty and as the oracle ranks them, each image once or R resamples.

    Attributes:
        retained: what is kept by the uncertainty.
        oracle: what is kept by the oracle.
        steps: of the sparsification curves.
        ties: of the sparsification curves; see `sparsification_curves`.
    """

    retained: Retained
    oracle: Retained
    steps: int = 50
    ties: str = "inclusive"

    @cached_property
    def curves(self) -> tuple[Floats, Floats]:
        """The sparsification curves [R, steps + 1], predicted and the oracle's."""
        return self._curves(self.ties)

    @cached_property
    def areas(self) -> dict[str, Floats]:
        """The areas [R] of `sparsification_areas`."""
        return sparsification_areas(*self.curves)

    @cached_property
    def average_areas(self) -> dict[str, Floats]:
        """The same with equal uncertainties averaged over their orders, whatever `ties` says."""
        return sparsification_areas(*self._curves("average"))

    def _curves(self, ties: str) -> tuple[Floats, Floats]:
        return (
            self.retained.curve(steps=self.steps, ties=ties),
            self.oracle.curve(steps=self.steps, ties=ties),
        )


@dataclass(frozen=True)
class Evaluation:
    """The predictions of N images over C classes, and what is asked of them.

    Attributes:
        probabilities: [N, C].
        labels: [N].
        outcomes: what became of each image.
        confidence: [N], in [0, 1], for the calibration of this definition of uncertainty.
        uncertainty: [N].
        ranking: the images by their uncertainty.
        oracle: the images by their true uncertainty.
        bins: number of bins of the calibration errors.
        steps: of the sparsification curves.
        ties: of the sparsification curves; see `sparsification_curves`.
        weights: of resamples, how often each image is in them, [R, N].
        halved: the images in two halves, for what is fitted to one and applied to the other.
    """

    probabilities: Floats
    labels: NDArray[np.integer]
    outcomes: Outcomes
    confidence: Floats
    uncertainty: Floats
    ranking: Ranking
    oracle: Ranking
    bins: int = 15
    steps: int = 50
    ties: str = "inclusive"
    weights: Ints | None = field(default=None, repr=False)
    # What the oracle keeps of `weights`, where another evaluation of these images has it already.
    kept_by_oracle: Retained | None = field(default=None, repr=False)
    halved: Halved = field(kw_only=True, repr=False)

    @classmethod
    def of(
        cls,
        P: ArrayLike,
        y: ArrayLike,
        u: Uncertainty = None,
        confidence: ArrayLike | None = None,
        *,
        outcomes: Outcomes | None = None,
        halved: Halved | None = None,
        ids: ArrayLike | None = None,
        bins: int = 15,
        steps: int = 50,
        ties: str = "inclusive",
    ) -> "Evaluation":
        """The evaluation of probabilities P [N, C] and labels y [N].

        Args:
            P: probabilities [N, C].
            y: labels [N].
            u: uncertainty [N], by default 1 − max P.
            confidence: [N], by default max P.
            outcomes: those of P and y, where they are known already.
            halved: by default that of P, y and `ids`.
            ids: [N], which tell two halves of the images; by default their places.
            bins: see `Evaluation`.
            steps: see `Evaluation`.
            ties: see `Evaluation`.

        Raises:
            PipelineError: shapes do not match, or values are not what they should be.
        """
        outcomes = Outcomes.of(P, y) if outcomes is None else outcomes
        uncertainty = 1 - outcomes.confidence if u is None else np.asarray(u, np.float64)
        P, y = np.asarray(P, np.float64), np.asarray(y)
        return cls(
            P,
            y,
            outcomes,
            outcomes.confidence if confidence is None else np.asarray(confidence, np.float64),
            uncertainty,
            outcomes.ranking(uncertainty),
            outcomes.oracle,
            bins,
            steps,
            ties,
            halved=halved or Halved(P, y, outcomes.wrong, None if ids is None else np.asarray(ids)),
        )

    @property
    def correct(self) -> Bools:
        """Whether the most probable class is the label, [N]."""
        return ~self.outcomes.wrong

    @cached_property
    def ranked(self) -> Ranked:
        """The images in order, each once, or in resamples as often as its weight says."""
        return Ranked(
            self.ranking.retained(self.weights),
            self.kept_by_oracle or self.oracle.retained(self.weights),
            self.steps,
            self.ties,
        )

    def drawn(self, weights: Ints, kept_by_oracle: Retained | None = None) -> "Evaluation":
        """R resamples, by how often each image is in them, [R, N]; only `ranked` tells them."""
        return replace(self, weights=weights, kept_by_oracle=kept_by_oracle)

    def at(self, bins: int) -> "Evaluation":
        """The same with another number of bins."""
        return self if bins == self.bins else replace(self, bins=bins)
