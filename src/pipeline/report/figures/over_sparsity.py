"""Accuracy and metrics over the sparsity, in the form of the paper's Figures 6 and 7.

There is one row of panels for each metric and one column for each architecture; colours tell the
pruners apart, lines and markers the uncertainty methods. Where the AUSE is drawn, the row below it
divides it by that of a random order of the images, so that 1 is chance.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.report import panels, style
from pipeline.report.names import display
from pipeline.report.replicates import in_a_title
from pipeline.report.view import View

EACH = "dataset"
ORDER = 10
CAPTION = (
    "What each step of sparsity changes. Look for lines that stay level: there pruning costs "
    "nothing. Where vertical lines, the 95 % intervals, overlap much, the order of the pruners is "
    "not known. AUSE ÷ random is 1 for a ranking by chance."
)

# The width, in units of sparsity, over which the pruners' points are set apart so that their
# intervals can be told apart.
SPREAD = 0.03


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each data set."""
    yield "over-sparsity", draw(view)


@dataclass(frozen=True)
class Looks:
    """The colour of each pruner, the marker and the line of each uncertainty method."""

    colours: Mapping[str, str]
    markers: Mapping[str, str]
    dashes: Mapping[str, str]

    @classmethod
    def of(cls, view: View) -> "Looks":
        """Those of a whole study."""
        return cls(
            style.looks(view.names("pruner"), style.COLOURS),
            style.looks(view.names("uncertainty"), style.MARKERS),
            style.looks(view.names("uncertainty"), style.DASHES),
        )


@style.styled
def draw(view: View) -> Figure:
    """Draw one data set, with 95 % intervals, or the standard deviations between trainings."""
    looks, points = Looks.of(view), view.points
    architectures = list(points["architecture"].unique())
    rows = ["accuracy"]
    for metric in view.metrics:
        rows += [metric, "ause_over_random"] if metric == "ause" else [metric]
    figure, axes = panels.panels(
        len(rows),
        len(architectures),
        f"{view.title} over the sparsity: {in_a_title(view.replicates)}",
        legend=_legend(view, looks),
        width=3.6,
        height=2.2,
        gap=0.5,
    )
    for metric, row in zip(rows, axes, strict=True):
        for architecture, ax in zip(architectures, row, strict=True):
            name = display(architecture, "architecture") if row is axes[0] else ""
            _panel(ax, points[points["architecture"] == architecture], metric, looks, name)
        row[0].set_ylabel(style.label(metric))
    for ax in axes[-1]:
        ax.set_xlabel("Sparsity")
    return figure


def _legend(view: View, looks: Looks) -> list[Line2D]:
    points = view.points
    entries = [panels.heading("Pruner")]
    for name in points["pruner"].unique():
        entries += [panels.entry(display(name, "pruner"), color=looks.colours[name])]
    entries += [panels.heading("Uncertainty")]
    for name in points["uncertainty"].unique():
        look: dict[str, Any] = {"marker": looks.markers[name], "linestyle": looks.dashes[name]}
        text = display(name, "uncertainty")
        entries += [panels.entry(text, color="grey", markersize=5, **look)]
    entries += [
        panels.heading("Marks"),
        panels.entry("unpruned", color="black", marker="o", ls="none"),
    ]
    if "ause" in view.metrics:
        entries += [panels.entry("chance", color="black", linewidth=1)]
    if view.replicates > 1 or points["accuracy_low"].notna().any():
        bar: dict[str, Any] = {"marker": "|", "ls": "none", "markersize": 10}
        text = "95 % interval" if view.replicates == 1 else "± standard deviation"
        entries += [panels.entry(text, color="grey", **bar)]
    return entries


def _panel(ax: Axes, points: pd.DataFrame, metric: str, looks: Looks, name: str) -> None:
    """One metric of one architecture."""
    scale = 100 if metric == "accuracy" else 1
    here = points.dropna(subset=[metric])
    inside = panels.near(here[metric])
    if metric == "ause_over_random":
        ax.axhline(1, color="black", linewidth=1, zorder=1)
    _lines(ax, here, metric, scale, looks)
    if not inside.all():
        bounds = [here.loc[inside, metric], *panels.bars(here[inside], metric)]
        ax.set_ylim(panels.limits(scale * pd.concat(bounds)))
    ax.set_xticks(sorted(here["sparsity"].unique()))
    far = [_about(point, metric) for point in here[~inside].to_dict("records")]
    panels.title(ax, name, panels.outside(far))


def _lines(ax: Axes, points: pd.DataFrame, metric: str, scale: float, looks: Looks) -> None:
    """One line for each pruner and uncertainty method."""
    pruners = list(points["pruner"].unique())
    for keys, line in points.groupby(["pruner", "uncertainty"], sort=False):
        pruner, uncertainty = map(str, keys)
        colour = looks.colours[pruner]
        apart = SPREAD * ((pruners.index(pruner) + 0.5) / len(pruners) - 0.5)
        x, y = line["sparsity"] + apart * (line["sparsity"] > 0), scale * line[metric]
        look: dict[str, Any] = {"marker": looks.markers[uncertainty], "markersize": 4.5}
        ax.plot(x, y, color=colour, linestyle=looks.dashes[uncertainty], alpha=0.85, **look)
        low, high = panels.bars(line, metric)
        ax.vlines(x, scale * low, scale * high, color=colour, linewidth=0.9, alpha=0.7)
        unpruned = line["sparsity"] == 0
        ax.plot(x[unpruned], y[unpruned], color="black", zorder=4, ls="none", **look)


def _about(point: dict[Hashable, Any], metric: str) -> str:
    at = f"{100 * point[metric]:.3g} %" if metric == "accuracy" else f"{point[metric]:.3g}"
    pruner = display(point["pruner"], "pruner")
    return f"{pruner} {point['sparsity']:g} {display(point['uncertainty'], 'uncertainty')} ({at})"
