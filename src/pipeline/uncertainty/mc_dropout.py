"""Monte Carlo dropout: several passes with dropout (Gal & Ghahramani, 2016; paper, Eq. 6)."""

from typing import Literal

from pipeline.uncertainty import SCORES, Estimate, Logits, compare

MODELS = "dropout"


def estimates(
    logits: Logits,
    *,
    score: Literal[
        "logit_variance",
        "probability_variance",
        "max_probability",
        "entropy",
        "mutual_information",
        "msp",
    ] = "logit_variance",
    clip: float = 0.0,
) -> dict[str, Estimate]:
    """The passes' variance and, beside it, the rest; see `pipeline.uncertainty.estimate`."""
    return compare(logits, SCORES, score, clip=clip)
