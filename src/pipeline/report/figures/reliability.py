"""Reliability diagrams: what the ECE measures.

Each bin's accuracy over its mean confidence; the vertical lines are the gaps whose mean, weighted
by the images of the bin, is the ECE.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.results import Combination, Curves, display, read_curves


@style.styled
def draw(combinations: Sequence[Combination]) -> Figure:
    """Draw combinations of one data set and architecture.

    A row of panels a pruner and sparsity, a column an uncertainty method.
    """
    dots: dict[str, Any] = {"color": style.BLUE, "marker": "o", "linestyle": "none"}
    legend = [
        style.entry("perfectly calibrated", color=style.GREY, linestyle="--"),
        style.entry("gap", color=style.VERMILLION),
        style.heading("Images of the bin"),
        *(
            style.entry(f"{100 * share:g} %", markersize=_area(share) ** 0.5, **dots)
            for share in (0.01, 0.1, 0.5)
        ),
    ]
    figure, axes = style.combination_panels(combinations, "reliability", "accuracy (%)", legend)
    for combination, ax in axes:
        curves = read_curves(combination)
        _panel(ax, curves)
        style.title(ax, display(combination.uncertainty), f"ECE {curves.metrics['ece']:.4f}")
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
