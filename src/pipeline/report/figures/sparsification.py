"""What the AUSE measures, in the form of the paper's Figure 1.

The error of the images that are kept while the most uncertain are removed: by the predicted
uncertainty, by the oracle, and in a random order. The AUSE is the area under the difference of the
first two, the sparsification error.
"""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report import panels, style
from pipeline.report.names import display
from pipeline.report.results import Curves, read_curves
from pipeline.report.view import View

EACH = "network"
ORDER = 30
CAPTION = (
    "The error of the images that are kept while the most uncertain are removed, in the form of "
    "the paper's Figure 1. Look at how far the green line, by the predicted uncertainty, lies "
    "above the blue one, by an oracle that knows the labels: the area between is the AUSE. An "
    "uncertainty whose green line does not fall below the dashed one finds no errors."
)


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each data set and architecture whose curves are there."""
    if panels.examples(view):
        yield "sparsification", draw(view)


@style.styled
def draw(view: View) -> Figure:
    """Draw the `panels.examples` of one data set and architecture."""
    legend = [
        panels.entry("predicted uncertainty", color=style.GREEN),
        panels.entry("oracle", color=style.BLUE),
        panels.entry("random order", color=style.GREY, linestyle="--"),
        panels.entry("sparsification error", color=style.VERMILLION, linewidth=3.5, alpha=0.6),
        panels.entry("its area: the AUSE", color=style.VERMILLION, alpha=0.2, linewidth=8),
    ]
    figure, axes = panels.combination_panels(
        view, "sparsification", "error of the kept images (%)", legend
    )
    for scores, ax in axes:
        curves = read_curves(scores)
        _panel(ax, curves)
        ratio = curves.metrics["ause_over_random"]
        note = "" if np.isnan(ratio) else f" = {ratio:.2f} × random order"
        name = display(scores.combination.uncertainty, "uncertainty")
        panels.title(ax, name, f"AUSE {curves.metrics['ause']:.4f}{note}")
    return figure


def _panel(ax: Axes, curves: Curves) -> None:
    removed = np.linspace(0, 100, len(curves.predicted))
    predicted, oracle = 100 * curves.predicted, 100 * curves.oracle
    # Nothing is left to be wrong once every image is removed.
    chance = np.append(np.full(len(removed) - 1, predicted[0]), 0)
    ax.plot(removed, chance, color=style.GREY, linestyle="--")
    ax.plot(removed, oracle, color=style.BLUE)
    # Where the oracle has no errors left both lines coincide; the wider one shows below.
    ax.plot(removed, predicted - oracle, color=style.VERMILLION, linewidth=3.5, alpha=0.6)
    ax.fill_between(removed, predicted - oracle, color=style.VERMILLION, alpha=0.2, linewidth=0)
    ax.plot(removed, predicted, color=style.GREEN)
    ax.set_xlim(0, 100)
    ax.set_xlabel("Removed images (%)")
