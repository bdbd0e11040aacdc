"""The aleatoric and the epistemic part of the uncertainty over the sparsity.

The entropy of the mean prediction is the sum of two: the mean entropy of the samples' predictions,
which is there where the images are ambiguous for each network, and their mutual information, which
is there where networks, or passes, contradict each other. How often these predict different
classes says the same without probabilities.
"""

from collections.abc import Iterator

from matplotlib.figure import Figure

from pipeline.report.grid import Row, draw
from pipeline.report.parts import parts
from pipeline.report.view import View

EACH = "network"
ORDER = 60
CAPTION = (
    "The uncertainty in two parts: aleatoric, which each network has alone, and epistemic, which "
    "is where networks or passes contradict each other. Look which of the two grows with the "
    "sparsity."
)

ROWS = [
    Row("expected_entropy", "Aleatoric (nats)"),
    Row("mutual_information", "Epistemic (nats)"),
    Row("disagreement", "Disagreement of pairs"),
]


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each network that several members or passes predict with."""
    points = parts(view)
    if not points.empty:
        yield "parts", draw(view, points, "aleatoric and epistemic uncertainty", ROWS)
