"""Maximum softmax probability of one network (Hendrycks & Gimpel, 2017; paper, Section 3.2)."""

from typing import Annotated

from pipeline.uncertainty import Estimate, Logits, compare

LABEL = "MSP"
MODELS = "member"
SCORES = ("msp", "entropy", "max_logit", "energy")


def estimates(
    logits: Logits,
    *,
    score: Annotated[str, SCORES] = "msp",
    clip: Annotated[float, "below 0.5"] = 0.0,
) -> dict[str, Estimate]:
    """1 − p[ŷ] and, beside it, the rest of `SCORES`; see `pipeline.uncertainty.estimate`."""
    return compare(logits, SCORES, score, clip=clip)
