"""Maximum softmax probability of one network (Hendrycks & Gimpel, 2017; paper, Section 3.2)."""

from typing import Literal

from pipeline.uncertainty import Estimate, Logits, compare

MODELS = "member"


def estimates(
    logits: Logits, *, score: Literal["msp", "entropy"] = "msp", clip: float = 0.0
) -> dict[str, Estimate]:
    """1 − p[ŷ] and, beside it, the entropy; see `pipeline.uncertainty.estimate`."""
    return compare(logits, ("msp", "entropy"), score, clip=clip)
