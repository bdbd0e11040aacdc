"""Accuracy and metrics over the sparsity, in the form of the paper's Figures 6 and 7.

A row of panels a metric, a column an architecture; colours tell the pruners apart, lines and
markers the uncertainty methods. Where the AUSE is drawn, the row below it divides it by that of a
random order of the images, so that 1 is chance.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.results import display, shown

# The width, in units of sparsity, over which the pruners' points are set apart so that their
# intervals can be told apart.
SPREAD = 0.03


@style.styled
def draw(frame: pd.DataFrame, dataset: str, metrics: Sequence[str] = ("ause", "ece")) -> Figure:
    """Draw one data set of a tidy frame, with 95 % intervals where it has them."""
    colours = style.looks(frame, "pruner", style.COLOURS)
    markers = style.looks(frame, "uncertainty", style.MARKERS)
    dashes = style.looks(frame, "uncertainty", style.DASHES)
    points = shown(frame)
    points = points[points["dataset"] == dataset]
    architectures = list(points["architecture"].unique())
    rows = ["accuracy"]
    for metric in metrics:
        rows += [metric, "ause_over_random"] if metric == "ause" else [metric]

    legend = [style.heading("Pruner")]
    legend += [
        style.entry(display(name), color=colours[name]) for name in points["pruner"].unique()
    ]
    legend += [style.heading("Uncertainty")]
    for name in points["uncertainty"].unique():
        look: dict[str, Any] = {"marker": markers[name], "linestyle": dashes[name], "markersize": 5}
        legend += [style.entry(display(name), color="grey", **look)]
    legend += [
        style.heading("Marks"),
        style.entry("unpruned", color="black", marker="o", ls="none"),
    ]
    if "ause" in metrics:
        legend += [style.entry("chance", color="black", linewidth=1)]
    if points["accuracy_low"].notna().any():
        legend += [style.entry("95 % interval", color="grey", marker="|", ls="none", markersize=10)]

    figure, axes = style.panels(
        len(rows),
        len(architectures),
        f"{display(dataset)}: accuracy and uncertainty over the sparsity",
        legend=legend,
        width=3.6,
        height=2.2,
        gap=0.5,
    )
    for metric, row in zip(rows, axes, strict=True):
        scale = 100 if metric == "accuracy" else 1
        for architecture, ax in zip(architectures, row, strict=True):
            here = points[points["architecture"] == architecture].dropna(subset=[metric])
            inside = style.near(here[metric])
            if metric == "ause_over_random":
                ax.axhline(1, color="black", linewidth=1, zorder=1)
            _lines(ax, here, metric, scale, colours, markers, dashes)
            if not inside.all():
                bounds = [metric, f"{metric}_low", f"{metric}_high"]
                ax.set_ylim(style.limits(scale * here.loc[inside, bounds].stack()))
            ax.set_xticks(sorted(here["sparsity"].unique()))
            far = [_about(point, metric) for point in here[~inside].to_dict("records")]
            name = display(architecture) if row is axes[0] else ""
            style.title(ax, name, style.outside(far))
        row[0].set_ylabel(style.label(metric))
    for ax in axes[-1]:
        ax.set_xlabel("Sparsity")
    return figure


def _lines(
    ax: Axes,
    points: pd.DataFrame,
    metric: str,
    scale: float,
    colours: dict[str, str],
    markers: dict[str, str],
    dashes: dict[str, str],
) -> None:
    pruners = list(points["pruner"].unique())
    for keys, line in points.groupby(["pruner", "uncertainty"], sort=False):
        pruner, uncertainty = map(str, keys)
        colour = colours[pruner]
        apart = SPREAD * ((pruners.index(pruner) + 0.5) / len(pruners) - 0.5)
        x, y = line["sparsity"] + apart * (line["sparsity"] > 0), scale * line[metric]
        look: dict[str, Any] = {"marker": markers[uncertainty], "markersize": 4.5}
        ax.plot(x, y, color=colour, linestyle=dashes[uncertainty], alpha=0.85, **look)
        low, high = scale * line[f"{metric}_low"], scale * line[f"{metric}_high"]
        ax.vlines(x, low, high, color=colour, linewidth=0.9, alpha=0.7)
        unpruned = line["sparsity"] == 0
        ax.plot(x[unpruned], y[unpruned], color="black", zorder=4, ls="none", **look)


def _about(point: dict[Hashable, Any], metric: str) -> str:
    at = f"{100 * point[metric]:.3g} %" if metric == "accuracy" else f"{point[metric]:.3g}"
    return (
        f"{display(point['pruner'])} {point['sparsity']:g} {display(point['uncertainty'])} ({at})"
    )
