"""From uncertainty to numbers: accuracy, calibration, and how well uncertainty finds the errors.

Probabilities P are [N, C], labels y are [N], and an uncertainty u is [N], by default 1 − max P:

    >>> P, y = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]]), np.array([0, 1, 1])
    >>> accuracy(P, y), ause(P, y, steps=3), ece(P.max(axis=1), P.argmax(axis=1) == y, bins=10)
    (0.6666666666666666, 0.16666666666666666, 0.4333333333333334)

What a metric needs of each image is in `Outcomes`. The metrics of a ranking (AUSE, AURC, AUROC and
their kin) sort the images once, into a `Ranking`, and count what is `Retained` when all above a
level of uncertainty is removed. Images may carry count weights there, so that a bootstrap resample
costs no sort of its own.
"""

import numpy as np
from numpy.typing import ArrayLike

from pipeline.metrics.bootstrap import bootstrap, percentile_interval, resample_members
from pipeline.metrics.calibration import adaptive_ece, classwise_ece, ece, reliability_bins
from pipeline.metrics.outcomes import Outcomes
from pipeline.metrics.ranking import (
    Floats,
    Ranking,
    Retained,
    Uncertainty,
    closed_form_random_level,
    sparsification_areas,
)

__all__ = [
    "Floats",
    "Outcomes",
    "Ranking",
    "Retained",
    "accuracy",
    "adaptive_ece",
    "augrc",
    "aurc",
    "aurg",
    "auroc",
    "ause",
    "ause_over_random",
    "bootstrap",
    "brier",
    "classwise_ece",
    "closed_form_random_level",
    "eaurc",
    "ece",
    "fpr95",
    "nll",
    "percentile_interval",
    "random_level",
    "reliability_bins",
    "resample_members",
    "sparsification_areas",
    "sparsification_curves",
]

# [N], or None for 1 − max P.


def accuracy(P: ArrayLike, y: ArrayLike) -> float:
    """Fraction of the images whose most probable class is the label."""
    return float(np.mean(~Outcomes.of(P, y).wrong))


def nll(P: ArrayLike, y: ArrayLike) -> float:
    """Mean negative log-likelihood of the labels, in nats; finite, see `Outcomes`."""
    return float(Outcomes.of(P, y).nll.mean())


def brier(P: ArrayLike, y: ArrayLike) -> float:
    """Brier score, the mean squared distance of P to the one-hot label, in [0, 2] (Brier, 1950)."""
    return float(Outcomes.of(P, y).brier.mean())


def ause(
    P: ArrayLike, y: ArrayLike, u: Uncertainty = None, *, steps: int = 50, ties: str = "inclusive"
) -> float:
    """Area under the sparsification error (paper, Section 5): 0 for the oracle's own ranking.

    The arguments are those of `sparsification_curves`. It is negative for an uncertainty that finds
    the errors better than 1 − P[y] does.
    """
    curves = sparsification_curves(P, y, u, steps=steps, ties=ties)
    return sparsification_areas(*curves)["ause"].item()


def sparsification_curves(
    P: ArrayLike, y: ArrayLike, u: Uncertainty = None, *, steps: int = 50, ties: str = "inclusive"
) -> tuple[Floats, Floats]:
    """Error of the images that are kept, by the uncertainty and by the oracle: two [steps + 1].

    Step k removes a fraction k / `steps` of the images, the most uncertain first: of N it keeps
    those that are at most as uncertain as number m = N − ⌈(N − 1) k / steps⌉ from below, and with
    none left the error is 0 (paper, Algorithm 1, with the sign of u that makes it keep the
    certain). The oracle's uncertainty is 1 − P[y].

    Args:
        P: probabilities [N, C].
        y: labels [N].
        u: uncertainty [N]; only its order counts.
        steps: number of steps, 50 in the paper.
        ties: images as uncertain as number m are all kept ("inclusive"), or only as many as m says,
            with their mean error, which is the expected curve over all orders of them ("average").
    """
    outcomes = Outcomes.of(P, y)
    predicted, oracle = outcomes.ranking(u).retained(), outcomes.oracle().retained()
    return predicted.curve(steps=steps, ties=ties)[0], oracle.curve(steps=steps, ties=ties)[0]


def random_level(P: ArrayLike, y: ArrayLike, *, steps: int = 50, ties: str = "inclusive") -> float:
    """The AUSE that removing images at random has on average; see `sparsification_areas`."""
    curves = sparsification_curves(P, y, steps=steps, ties=ties)
    return sparsification_areas(*curves)["random_level"].item()


def aurg(
    P: ArrayLike, y: ArrayLike, u: Uncertainty = None, *, steps: int = 50, ties: str = "inclusive"
) -> float:
    """Area under the random gain: random level − AUSE, above 0 if better than chance.

    Poggi et al., 2020; the arguments are those of `sparsification_curves`.
    """
    curves = sparsification_curves(P, y, u, steps=steps, ties=ties)
    return sparsification_areas(*curves)["aurg"].item()


def ause_over_random(
    P: ArrayLike, y: ArrayLike, u: Uncertainty = None, *, steps: int = 50, ties: str = "inclusive"
) -> float:
    """AUSE ÷ random level, where 1 is chance, and NaN if there is nothing to rank.

    See `sparsification_areas`; the arguments are those of `sparsification_curves`.
    """
    curves = sparsification_curves(P, y, u, steps=steps, ties=ties)
    return sparsification_areas(*curves)["ause_over_random"].item()


def aurc(P: ArrayLike, y: ArrayLike, u: Uncertainty = None) -> float:
    """Area under the risk-coverage curve (Geifman & El-Yaniv, 2017).

    The mean over n = 1 … N of the error among the n least uncertain images; of equally uncertain
    ones its expectation over all their orders.
    """
    return _retained(P, y, u).aurc().item()


def eaurc(P: ArrayLike, y: ArrayLike, u: Uncertainty = None) -> float:
    """Excess AURC over that of a ranking with all wrong images last (Geifman et al., 2019)."""
    return _retained(P, y, u).eaurc().item()


def augrc(P: ArrayLike, y: ArrayLike, u: Uncertainty = None) -> float:
    """Area under the generalised risk-coverage curve (Traub et al., 2024).

    (1 − AUROC) a (1 − a) + (1 − a)² / 2 with the accuracy a.
    """
    return _retained(P, y, u).augrc().item()


def auroc(P: ArrayLike, y: ArrayLike, u: Uncertainty = None) -> float:
    """Probability that a wrong image is more uncertain than a right one, ties counting half.

    The area under the ROC curve of finding the errors; NaN if all images are right or all wrong.
    """
    return _retained(P, y, u).auroc().item()


def fpr95(P: ArrayLike, y: ArrayLike, u: Uncertainty = None) -> float:
    """Fraction of the right images above the highest threshold that finds 95 % of the wrong ones.

    NaN if all images are right or all wrong.
    """
    return _retained(P, y, u).fpr95().item()


def _retained(P: ArrayLike, y: ArrayLike, u: Uncertainty) -> Retained:
    return Outcomes.of(P, y).ranking(u).retained()
