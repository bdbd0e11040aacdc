"""From logits to class probabilities and an uncertainty of each image.

A method is a module of this folder: ``MODELS`` says which networks it predicts with, ``LABEL`` what
tables and figures call it, and ``estimates`` turns logits into estimates, its own definition of
uncertainty first:

    MODELS = "ensemble"
    LABEL = "Ensemble by entropy"
    SCORES = ("entropy", "mutual_information")

    def estimates(logits, *, score: Annotated[str, SCORES] = "entropy"):
        return compare(logits, SCORES, score)

``MODELS`` is "member" (one deterministic pass of one network), "ensemble" (one pass of each member)
or "dropout" (several passes of the network that was trained with dropout). Logits are one array
[samples, images, classes], or a sequence of such arrays, such as one memory-mapped file for each
member. The definitions of uncertainty and their names are in `definitions`, what applies them to
logits is in `estimation`.
"""

from pipeline.uncertainty.definitions import DEFINITIONS, Floats
from pipeline.uncertainty.estimation import (
    Estimate,
    Logits,
    LogitsError,
    compare,
    estimate,
    log_likelihood,
)

# Every definition of uncertainty.
SCORES = tuple(DEFINITIONS)

__all__ = [
    "DEFINITIONS",
    "SCORES",
    "Estimate",
    "Floats",
    "Logits",
    "LogitsError",
    "compare",
    "estimate",
    "log_likelihood",
]
