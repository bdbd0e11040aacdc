"""Reliability diagrams: what the ECE measures.

Each bin's accuracy over its mean confidence; the vertical lines are the gaps whose mean, weighted
by the images of the bin, is the ECE.
"""

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report import panels, style
from pipeline.report.names import display
from pipeline.report.results import Curves, read_curves
from pipeline.report.view import View

EACH = "network"
ORDER = 30


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each data set and architecture whose curves are there."""
    if panels.examples(view):
        yield "reliability", draw(view)


@style.styled
def draw(view: View) -> Figure:
    """Draw the `panels.examples` of one data set and architecture."""
    dots: dict[str, Any] = {"color": style.BLUE, "marker": "o", "linestyle": "none"}
    legend = [
        panels.entry("perfectly calibrated", color=style.GREY, linestyle="--"),
        panels.entry("gap", color=style.VERMILLION),
        panels.heading("Images of the bin"),
        *(
            panels.entry(f"{100 * share:g} %", markersize=_area(share) ** 0.5, **dots)
            for share in (0.01, 0.1, 0.5)
        ),
    ]
    figure, axes = panels.combination_panels(view, "reliability", "accuracy (%)", legend)
    for scores, ax in axes:
        curves = read_curves(scores)
        _panel(ax, curves)
        name = display(scores.combination.uncertainty, "uncertainty")
        panels.title(ax, name, f"ECE {curves.metrics['ece']:.4f}")
    return figure


def _panel(ax: Axes, curves: Curves) -> None:
    bins = curves.reliability[curves.reliability[:, 2] > 0]
    confidence, accuracy, images = 100 * bins[:, 0], 100 * bins[:, 1], bins[:, 2]
    ax.plot([0, 100], [0, 100], color=style.GREY, linestyle="--", zorder=1)
    ax.vlines(confidence, accuracy, confidence, color=style.VERMILLION, zorder=2)
    ax.scatter(confidence, accuracy, s=_area(images / images.sum()), color=style.BLUE, zorder=3)
    ax.set_xlim(-3, 103)
    ax.set_ylim(-3, 103)
    ax.set_xlabel("Confidence (%)")


def _area(share: float) -> float:
    """Marker area in square points."""
    return 8 + 150 * share
