"""The metrics of a ranking, from probabilities, labels and an uncertainty of each image."""

from numpy.typing import ArrayLike

from pipeline.metrics.outcomes import Outcomes
from pipeline.metrics.ranking import Floats, Retained, Uncertainty, sparsification_areas


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
    predicted, oracle = outcomes.ranking(u).retained(), outcomes.oracle.retained()
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
