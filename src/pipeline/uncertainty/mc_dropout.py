"""Monte Carlo dropout: several passes with dropout (Gal & Ghahramani, 2016; paper, Eq. 6)."""

from typing import Annotated

from pipeline.uncertainty import DEFINITIONS, Estimate, Logits, compare

LABEL = "MC dropout"
MODELS = "dropout"


def estimates(
    logits: Logits,
    *,
    score: Annotated[str, DEFINITIONS] = "logit_variance",
    clip: Annotated[float, "below 0.5"] = 0.0,
) -> dict[str, Estimate]:
    """The passes' variance and, beside it, the rest; see `pipeline.uncertainty.estimate`."""
    return compare(logits, tuple(DEFINITIONS), score, clip=clip)
