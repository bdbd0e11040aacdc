"""Ensemble of separately trained networks (Lakshminarayanan et al., 2017; paper, Eq. 6)."""

from typing import Annotated

from pipeline.uncertainty import DEFINITIONS, Estimate, Logits, compare

LABEL = "Deep ensemble"
MODELS = "ensemble"


def estimates(
    logits: Logits,
    *,
    score: Annotated[str, DEFINITIONS] = "logit_variance",
    clip: Annotated[float, "below 0.5"] = 0.0,
) -> dict[str, Estimate]:
    """The members' variance and, beside it, the rest; see `pipeline.uncertainty.estimate`."""
    return compare(logits, tuple(DEFINITIONS), score, clip=clip)
