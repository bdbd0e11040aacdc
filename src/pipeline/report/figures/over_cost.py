"""Accuracy and metrics over what a network costs: its multiply-accumulates, and its parameters.

Networks of the same sparsity cost differently much, so over the cost pruners compare otherwise than
over the sparsity. There is one row of panels for each metric and one column for each architecture.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report import panels, style
from pipeline.report.figures.over_sparsity import Looks
from pipeline.report.names import display
from pipeline.report.replicates import in_a_title
from pipeline.report.view import View

EACH = "dataset"
ORDER = 20
CAPTION = (
    "What is kept at what cost; the axis is logarithmic, and the unpruned network, in black, is on "
    "the right. Of two pruners that which is better at the same cost is better: look for lines "
    "above the others in the row of the accuracy, and below them in the others."
)
COSTS = {"macs": "MACs of one image", "parameters": "Parameters"}


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """Two figures for each data set, where the costs are known and differ."""
    for cost, label in COSTS.items():
        if view.points[cost].nunique() > 1:
            yield f"over-{cost}", draw(view, cost, label)


@style.styled
def draw(view: View, cost: str, label: str) -> Figure:
    """Draw one data set over one cost."""
    looks, points = Looks.of(view), view.points.dropna(subset=[cost])
    architectures = list(points["architecture"].unique())
    rows = ["accuracy", *view.metrics]
    figure, axes = panels.panels(
        len(rows),
        len(architectures),
        f"{view.title}: accuracy and uncertainty over {display_cost(cost)}, "
        f"{in_a_title(view.replicates)}",
        legend=_legend(view, looks),
        width=3.6,
        height=2.2,
        gap=0.5,
    )
    for metric, row in zip(rows, axes, strict=True):
        for architecture, ax in zip(architectures, row, strict=True):
            here = points[points["architecture"] == architecture].dropna(subset=[metric])
            _panel(ax, here, metric, cost, looks)
            if row is axes[0]:
                panels.title(ax, display(architecture, "architecture"), "")
        row[0].set_ylabel(style.label(metric))
    for ax in axes[-1]:
        ax.set_xlabel(label)
    return figure


def display_cost(cost: str) -> str:
    """A cost within a title."""
    return "operations (MACs)" if cost == "macs" else "parameters"


def _legend(view: View, looks: Looks) -> list[Any]:
    points = view.points
    entries = [panels.heading("Pruner")]
    for name in points["pruner"].unique():
        entries += [panels.entry(display(name, "pruner"), color=looks.colours[name])]
    entries += [panels.heading("Uncertainty")]
    for name in points["uncertainty"].unique():
        look: dict[str, Any] = {"marker": looks.markers[name], "linestyle": looks.dashes[name]}
        text = display(name, "uncertainty")
        entries += [panels.entry(text, color="grey", markersize=5, **look)]
    entries += [panels.heading("Marks")]
    return [*entries, panels.entry("unpruned", color="black", marker="o", ls="none")]


def _panel(ax: Axes, points: pd.DataFrame, metric: str, cost: str, looks: Looks) -> None:
    scale = 100 if metric == "accuracy" else 1
    inside = panels.near(points[metric])
    for keys, line in points.groupby(["pruner", "uncertainty"], sort=False, observed=True):
        pruner, uncertainty = map(str, keys)
        ordered = line.sort_values(cost)
        look: dict[str, Any] = {"marker": looks.markers[uncertainty], "markersize": 4.5}
        ax.plot(
            ordered[cost],
            scale * ordered[metric],
            color=looks.colours[pruner],
            linestyle=looks.dashes[uncertainty],
            alpha=0.85,
            **look,
        )
        once = line[line["sparsity"] == 0]
        ax.plot(once[cost], scale * once[metric], color="black", zorder=4, ls="none", **look)
    if not inside.all():
        ax.set_ylim(panels.limits(scale * points[metric][inside]))
    _cost_axis(ax, points[cost])


def _cost_axis(ax: Axes, costs: "pd.Series[float]") -> None:
    """Ticks at 1, 2 and 5 times powers of ten, in thousands or millions."""
    low, high = costs.min(), costs.max()
    ax.set_xscale("log")
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = [tick for power in powers for tick in (power, 2 * power, 5 * power)]
    inside = [tick for tick in ticks if 0.93 * low <= tick <= 1.07 * high]
    ax.set_xticks(inside or [low, high], minor=False)
    ax.set_xticks([], minor=True)
    ax.xaxis.set_major_formatter(partial(_short))
    ax.set_xlim(low / 1.15, high * 1.15)


def _short(cost: float, _: int | None = None) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if cost >= size:
            return f"{cost / size:.3g}{unit}"
    return f"{cost:.3g}"
