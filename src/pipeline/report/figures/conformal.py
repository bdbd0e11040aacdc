"""How large the conformal sets must be that hold the label of nine images in ten."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from pipeline.metrics.conformal import LEVEL
from pipeline.report.grid import Row, draw
from pipeline.report.view import View

EACH = "network"
ORDER = 50
CAPTION = (
    "How many classes a set must hold so that the label of nine images in ten is in it, and how "
    "often it is. Look whether sets grow with the sparsity: the coverage is kept by construction, "
    "so the size says what the network knows."
)

ROWS = [
    row
    for method in ("lac", "aps")
    for row in (
        Row(f"{method}_size", f"{method.upper()}: classes in a set"),
        Row(f"{method}_coverage", f"{method.upper()}: coverage", LEVEL, f"the aim, {LEVEL:g}"),
    )
]


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each network that was scored with its sets."""
    if all(row.metric in view.points for row in ROWS):
        yield "conformal", draw(view, view.points, "conformal sets", ROWS)
