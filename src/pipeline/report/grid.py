"""Metrics over the sparsity: a row of panels for each, a column for each uncertainty method.

Colours tell the pruners apart. Figures that show what becomes of one network's uncertainty are
drawn so: they name the rows and what else to say of them.
"""

from collections.abc import Sequence
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

# The width, in units of sparsity, over which the pruners' points are set apart.
SPREAD = 0.03


@dataclass(frozen=True)
class Row:
    """A row of panels.

    Attributes:
        metric: a column of the points; its bounds are the columns with ``_low`` and ``_high``.
        label: of the axis; by default the metric's name.
        level: where a line stands that the points are to be held against.
        about: what this line is, for the legend.
    """

    metric: str
    label: str = ""
    level: float | None = None
    about: str = ""


@style.styled
def draw(view: View, points: pd.DataFrame, what: str, rows: Sequence[Row]) -> Figure:
    """Draw rows of one data set and architecture, from points in the form of `results.shown`.

    Of a method that has none of the metrics there is no column.
    """
    metrics = [row.metric for row in rows]
    points = points[points[metrics].notna().any(axis=1)]
    methods = list(points["uncertainty"].unique())
    colours = style.looks(view.names("pruner"), style.COLOURS)
    figure, axes = panels.panels(
        len(rows),
        len(methods),
        f"{view.title}: {what}, {in_a_title(view.replicates)}",
        legend=_legend(points, rows, colours),
        width=2.6,
        height=2.0,
        gap=0.45,
    )
    for row, line in zip(rows, axes, strict=True):
        for method, ax in zip(methods, line, strict=True):
            _panel(ax, points[points["uncertainty"] == method], row, colours)
            if line is axes[0]:
                panels.title(ax, display(method, "uncertainty"))
            if line is axes[-1]:
                ax.set_xlabel("Sparsity")
        line[0].set_ylabel(row.label or style.label(row.metric))
    return figure


def _legend(points: pd.DataFrame, rows: Sequence[Row], colours: dict[str, str]) -> list[Line2D]:
    entries = [panels.heading("Pruner")]
    for name in points["pruner"].unique():
        entries += [panels.entry(display(name, "pruner"), color=colours[name], marker="o")]
    entries += [panels.heading("Marks"), panels.entry("unpruned", color="black", marker="o", ls="")]
    for about in dict.fromkeys(row.about for row in rows if row.about):
        entries += [panels.entry(about, color="black", linewidth=1)]
    if any(panels.bars(points, row.metric)[0].notna().any() for row in rows):
        bar: dict[str, Any] = {"marker": "|", "ls": "none", "markersize": 10}
        several = (points["replicates"] > 1).any()
        text = "± standard deviation" if several else "95 % interval"
        entries += [panels.entry(text, color="grey", **bar)]
    return entries


def _panel(ax: Axes, points: pd.DataFrame, row: Row, colours: dict[str, str]) -> None:
    """One metric of one uncertainty method."""
    metric = row.metric
    if row.level is not None:
        ax.axhline(row.level, color="black", linewidth=1, zorder=1)
    here = points.dropna(subset=[metric])
    pruners = list(here["pruner"].unique())
    for number, pruner in enumerate(pruners):
        line = here[here["pruner"] == pruner]
        apart = SPREAD * ((number + 0.5) / len(pruners) - 0.5)
        x, y = line["sparsity"] + apart * (line["sparsity"] > 0), line[metric]
        look: dict[str, Any] = {"marker": "o", "markersize": 4}
        ax.plot(x, y, color=colours[pruner], alpha=0.85, **look)
        low, high = panels.bars(line, metric)
        ax.vlines(x, low, high, color=colours[pruner], linewidth=0.9, alpha=0.7)
        unpruned = line["sparsity"] == 0
        ax.plot(x[unpruned], y[unpruned], color="black", zorder=4, ls="none", **look)
    ax.set_xticks(sorted(points["sparsity"].unique()))
