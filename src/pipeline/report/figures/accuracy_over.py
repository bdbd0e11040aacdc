"""Accuracy over a metric, in the form of the paper's Figures 2 to 4.

A row of panels a metric, a column an uncertainty method; a line joins the sparsities of a pruner,
from the unpruned network on, and markers grow with the sparsity.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.results import display, shown


@style.styled
def draw(
    frame: pd.DataFrame,
    dataset: str,
    architecture: str,
    metrics: Sequence[str] = ("ause", "ece"),
) -> Figure:
    """Draw one data set and architecture of a tidy frame."""
    colours = style.looks(frame, "pruner", style.COLOURS)
    markers = style.looks(frame, "pruner", style.MARKERS)
    points = shown(frame)
    points = points[(points["dataset"] == dataset) & (points["architecture"] == architecture)]
    uncertainties = list(points["uncertainty"].unique())
    pruners = list(points["pruner"].unique())
    sparsities = sorted(points["sparsity"].unique())

    legend = [style.heading("Pruner")]
    legend += [
        style.entry(display(name), color=colours[name], marker=markers[name]) for name in pruners
    ]
    legend += [style.entry("unpruned", color="black", marker="o", linestyle="none")]
    legend += [style.heading("Sparsity")]
    legend += [
        style.entry(f"{s:g}", color="grey", marker="o", linestyle="none", markersize=_size(s))
        for s in sparsities
    ]
    if "ause" in metrics:
        legend += [
            style.heading("Ranking"),
            style.entry("better than chance", color="grey", marker="o", linestyle="none"),
            style.entry(
                "no better than chance",
                color="grey",
                marker="o",
                linestyle="none",
                markerfacecolor="white",
            ),
            style.entry("chance", color=style.GREY, linestyle=":"),
        ]

    over = " and ".join(map(display, metrics))
    figure, axes = style.panels(
        len(metrics),
        len(uncertainties),
        f"{display(dataset)}, {display(architecture)}: accuracy over {over}",
        legend=legend,
        width=2.6,
        height=2.3,
        gap=0.95,
    )
    for metric, row in zip(metrics, axes, strict=True):
        for uncertainty, ax in zip(uncertainties, row, strict=True):
            here = points[points["uncertainty"] == uncertainty].dropna(subset=["accuracy", metric])
            inside = style.near(here["accuracy"]) & style.near(here[metric])
            _lines(ax, here, metric, colours, markers)
            ax.set_xlim(style.limits(here[metric][inside]))
            ax.set_ylim(style.limits(100 * here["accuracy"][inside]))
            if metric == "ause":
                _chance(ax, here)
            far = [_about(point, metric) for point in here[~inside].to_dict("records")]
            style.title(ax, display(uncertainty), style.outside(far))
            ax.set_xlabel(style.label(metric))
            ax.locator_params(axis="x", nbins=5)
        row[0].set_ylabel("Accuracy (%)")
    return figure


def _chance(ax: Axes, points: pd.DataFrame) -> None:
    """The AUSE of a random order over the accuracy a.

    It is -a ln a for a perfect oracle, and for a real one, whose AUSE is known at the points, a
    nearly constant share of that.
    """
    perfect = _perfect(points["accuracy"].to_numpy()).sum()
    if perfect > 0:
        low, high = ax.get_ylim()
        accuracy = np.linspace(max(low / 100, 1e-3), min(high / 100, 1), 100)
        level = _perfect(accuracy) * points["random_level"].sum() / perfect
        ax.plot(level, 100 * accuracy, ":", color=style.GREY, zorder=1)


def _perfect(accuracy: np.ndarray) -> np.ndarray:
    # The limit of a ln a at 0 is 0.
    level: np.ndarray = -accuracy * np.log(np.where(accuracy > 0, accuracy, 1))
    return level


def _lines(
    ax: Axes, points: pd.DataFrame, metric: str, colours: dict[str, str], markers: dict[str, str]
) -> None:
    for pruner, line in points.groupby("pruner", sort=False):
        colour = colours[str(pruner)]
        ax.plot(line[metric], 100 * line["accuracy"], color=colour, alpha=0.8, zorder=2)
        for point in line.to_dict("records"):
            unpruned = point["sparsity"] == 0
            chance = metric == "ause" and point["ause_over_random"] >= 1
            own = "black" if unpruned else colour
            ax.plot(
                point[metric],
                100 * point["accuracy"],
                marker="o" if unpruned else markers[str(pruner)],
                markersize=_size(point["sparsity"]),
                color=own,
                markerfacecolor="white" if chance else own,
                zorder=4 if unpruned else 3,
            )


def _about(point: dict[Hashable, Any], metric: str) -> str:
    at = f"{point[metric]:.3g}, {100 * point['accuracy']:.3g} %"
    return f"{display(point['pruner'])} {point['sparsity']:g} ({at})"


def _size(sparsity: float) -> float:
    """Marker size in points."""
    return 4 + 6 * sparsity
