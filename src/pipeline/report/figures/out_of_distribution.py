"""How well the uncertainty tells images of another data set from the test images, over sparsity.

There is one row of panels for the AUROC, one for the FPR95, and one column for each uncertainty
method, by its own definition.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.metrics.detection import AUROC, FPR95, HIGHER_IS_BETTER, LABELS
from pipeline.report import panels, style, test_sets
from pipeline.report.names import display
from pipeline.report.replicates import in_a_title
from pipeline.report.view import View

EACH = "network"
ORDER = 45
CAPTION = (
    "How well the uncertainty tells images of another data set from the test images. The dashed "
    "line is an uncertainty that says nothing. Look whether pruning brings the lines nearer to "
    "it."
)

SPREAD = 0.03
# Of an uncertainty that says nothing.
CHANCE = {AUROC: 50, FPR95: 95}


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each data set that is out of distribution."""
    found = test_sets.outside(view)
    if not found.empty:
        for name, points in found[found["default"]].groupby("test_set", sort=False):
            yield f"out-of-distribution-{name}", draw(view, str(name), points)


@style.styled
def draw(view: View, name: str, points: pd.DataFrame) -> Figure:
    """Draw one set of images of one data set and architecture."""
    uncertainties = list(points["uncertainty"].unique())
    figure, axes = panels.panels(
        len(LABELS),
        len(uncertainties),
        f"{view.title}: telling {display(name, 'dataset')} from the test images, "
        f"{in_a_title(view.replicates)}",
        legend=_legend(view, points),
        width=3.0,
        height=2.2,
        gap=0.5,
    )
    for metric, row in zip(LABELS, axes, strict=True):
        for uncertainty, ax in zip(uncertainties, row, strict=True):
            _panel(ax, points[points["uncertainty"] == uncertainty], metric, view)
            if row is axes[0]:
                ax.set_title(display(uncertainty, "uncertainty"))
        better = "higher" if HIGHER_IS_BETTER[metric] else "lower"
        row[0].set_ylabel(f"{LABELS[metric]} (%),\n{better} is better")
    for ax in axes[-1]:
        ax.set_xlabel("Sparsity")
    return figure


def _panel(ax: Axes, points: pd.DataFrame, metric: str, view: View) -> None:
    colours = style.looks(view.names("pruner"), style.COLOURS)
    markers = style.looks(view.names("pruner"), style.MARKERS)
    pruners = list(points["pruner"].unique())
    ax.axhline(CHANCE[metric], color="black", linewidth=1, zorder=1)
    for position, pruner in enumerate(pruners):
        line = points[points["pruner"] == pruner].sort_values("sparsity")
        apart = SPREAD * ((position + 0.5) / len(pruners) - 0.5)
        x = line["sparsity"] + apart * (line["sparsity"] > 0)
        look: dict[str, Any] = {"marker": markers[pruner], "markersize": 4.5, "alpha": 0.85}
        ax.plot(x, 100 * line[metric], color=colours[pruner], **look)
        low, high = (100 * line[f"{metric}_{bound}"] for bound in ("low", "high"))
        ax.vlines(x, low, high, color=colours[pruner], linewidth=0.9, alpha=0.7)
        unpruned = line["sparsity"] == 0
        ax.plot(x[unpruned], 100 * line[metric][unpruned], "o", color="black", zorder=4)
    ax.set_xticks(sorted(points["sparsity"].unique()))


def _legend(view: View, points: pd.DataFrame) -> list[Line2D]:
    colours = style.looks(view.names("pruner"), style.COLOURS)
    markers = style.looks(view.names("pruner"), style.MARKERS)
    entries = [panels.heading("Pruner")]
    for name in points["pruner"].unique():
        look = {"color": colours[name], "marker": markers[name]}
        entries += [panels.entry(display(name, "pruner"), **look)]
    dot: dict[str, Any] = {"marker": "o", "linestyle": "none"}
    entries += [panels.heading("Marks"), panels.entry("unpruned", color="black", **dot)]
    return [*entries, panels.entry("chance", color="black", linewidth=1)]
