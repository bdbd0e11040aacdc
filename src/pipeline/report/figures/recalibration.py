"""The calibration error over the sparsity before and after temperature scaling.

What of a difference in calibration is sharpness, which one number mends, goes from the first row of
panels to the second; the third has this number. Each half of the images has the temperature that
the other half asks for; what is shown is the geometric mean of both.
"""

from collections.abc import Iterator

from matplotlib.figure import Figure

from pipeline.report.grid import Row, draw
from pipeline.report.view import View

EACH = "network"
ORDER = 40
CAPTION = (
    "The calibration error before and after the logits are divided by one temperature, which the "
    "other half of the images chose. Look what is left of a difference between pruners: what goes "
    "is only sharpness."
)

ROWS = [
    Row("ece_probability", "ECE before"),
    Row("ece_scaled", "ECE after scaling"),
    Row("temperature", level=1.0, about="no scaling"),
]


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each network that was scored with its temperature."""
    if "temperature" in view.points and view.points["temperature"].notna().any():
        yield "recalibration", draw(view, view.points, "ECE of p[ŷ], temperature scaling", ROWS)
