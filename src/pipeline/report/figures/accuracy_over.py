"""Accuracy over a metric, in the form of the paper's Figures 2 to 4.

There is one row of panels for each metric and one column for each uncertainty method. A line joins
the sparsities of a pruner, from the unpruned network on, and markers grow with the sparsity.
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
from pipeline.report.ranking import BETTER, UNDECIDED, UNTESTED, WORSE, ranking_state
from pipeline.report.replicates import in_a_title
from pipeline.report.view import View

EACH = "network"
ORDER = 10
CAPTION = (
    "Each marker is a network; a line joins the sparsities of a pruner, from the unpruned network "
    "on. Up is more accurate, left is better. Look for pruners whose line stays far up and left, "
    "and for hollow markers: there the uncertainty ranks the images no better than chance."
)


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each data set and architecture."""
    yield "accuracy-over-metrics", draw(view)


@dataclass(frozen=True)
class Looks:
    """The colour and the marker of each pruner."""

    colours: Mapping[str, str]
    markers: Mapping[str, str]

    @classmethod
    def of(cls, view: View) -> "Looks":
        """Those of a whole study."""
        return cls(
            style.looks(view.names("pruner"), style.COLOURS),
            style.looks(view.names("pruner"), style.MARKERS),
        )


@style.styled
def draw(view: View) -> Figure:
    """Draw one data set and architecture."""
    looks, points = Looks.of(view), view.points
    uncertainties = list(points["uncertainty"].unique())
    over = " and ".join(display(metric, "metric") for metric in view.metrics)
    figure, axes = panels.panels(
        len(view.metrics),
        len(uncertainties),
        f"{view.title}: accuracy over {over}, {in_a_title(view.replicates)}",
        legend=_legend(view, looks),
        width=2.6,
        height=2.3,
        gap=0.95,
    )
    for metric, row in zip(view.metrics, axes, strict=True):
        for uncertainty, ax in zip(uncertainties, row, strict=True):
            here = points[points["uncertainty"] == uncertainty].dropna(subset=["accuracy", metric])
            _panel(ax, here, metric, looks, display(uncertainty, "uncertainty"))
        row[0].set_ylabel("Accuracy (%)")
    return figure


def _legend(view: View, looks: Looks) -> list[Line2D]:
    points, dot = view.points, {"marker": "o", "linestyle": "none"}
    entries = [panels.heading("Pruner")]
    for name in points["pruner"].unique():
        look = {"color": looks.colours[name], "marker": looks.markers[name]}
        entries += [panels.entry(display(name, "pruner"), **look)]
    entries += [panels.entry("unpruned", color="black", **dot), panels.heading("Sparsity")]
    for sparsity in sorted(points["sparsity"].unique()):
        size = _size(sparsity)
        entries += [panels.entry(f"{sparsity:g}", color="grey", markersize=size, **dot)]
    if "ause" in view.metrics:
        entries += [panels.heading("Ranking")]
        for state, text in _states(points).items():
            entries += [panels.entry(text, color="grey", **_face(state, "grey"), **dot)]
        level: dict[str, Any] = {"marker": "|", "linestyle": "none", "markersize": 8}
        entries += [panels.entry("a point's own chance", color="grey", **level)]
    if view.replicates > 1:
        entries += [panels.heading("Bars"), panels.entry("± standard deviation", color="grey")]
    return entries


def _panel(ax: Axes, points: pd.DataFrame, metric: str, looks: Looks, name: str) -> None:
    """One metric of one uncertainty method."""
    # The paper prints other accuracies beside the ECE.
    beside = f"accuracy_beside_{metric}"
    if beside in points and points[beside].notna().any():
        points = points.assign(accuracy=points[beside])
    inside = panels.near(points["accuracy"]) & panels.near(points[metric])
    _lines(ax, points, metric, looks)
    across, up = (
        pd.concat([points.loc[inside, each], *_bars(points[inside], each)])
        for each in (metric, "accuracy")
    )
    ax.set_xlim(panels.limits(across))
    ax.set_ylim(panels.limits(100 * up))
    if metric == "ause":
        _chance(ax, points)
    far = [_about(point, metric) for point in points[~inside].to_dict("records")]
    panels.title(ax, name, panels.outside(far))
    ax.set_xlabel(style.label(metric))
    ax.locator_params(axis="x", nbins=5)


def _states(points: pd.DataFrame) -> dict[str, str]:
    """The states that occur, with what the legend says of them."""
    texts = {
        BETTER: "better than chance",
        UNTESTED: "below chance's level",
        UNDECIDED: "undecided",
        WORSE: "no better than chance",
    }
    found = {ranking_state(point) for point in points.to_dict("records")}
    return {state: text for state, text in texts.items() if state in found}


def _face(state: str, colour: str) -> dict[str, Any]:
    """A marker's face: full, half full or hollow."""
    if state == UNDECIDED:
        return {"fillstyle": "bottom", "markerfacecoloralt": "white"}
    return {"markerfacecolor": "white" if state == WORSE else colour}


def _chance(ax: Axes, points: pd.DataFrame) -> None:
    """Beside each point the AUSE that a random order of its own images has."""
    ax.scatter(
        points["random_level"], 100 * points["accuracy"], marker="|", color=style.GREY, zorder=1
    )


def _lines(ax: Axes, points: pd.DataFrame, metric: str, looks: Looks) -> None:
    """One line for each pruner, and one marker for each of its networks."""
    for pruner, line in points.groupby("pruner", sort=False):
        colour = looks.colours[str(pruner)]
        x, y = line[metric], 100 * line["accuracy"]
        ax.plot(x, y, color=colour, alpha=0.8, zorder=2)
        if bars := _bars(line, metric):
            ax.hlines(y, bars[0], bars[1], color=colour, linewidth=0.9, alpha=0.7)
            low, high = panels.bars(line, "accuracy")
            ax.vlines(x, 100 * low, 100 * high, color=colour, linewidth=0.9, alpha=0.7)
        for point in line.to_dict("records"):
            unpruned = point["sparsity"] == 0
            state = ranking_state(point) if metric == "ause" else BETTER
            own = "black" if unpruned else colour
            ax.plot(
                point[metric],
                100 * point["accuracy"],
                marker="o" if unpruned else looks.markers[str(pruner)],
                markersize=_size(point["sparsity"]),
                color=own,
                **_face(state, own),
                zorder=4 if unpruned else 3,
            )


def _bars(points: pd.DataFrame, metric: str) -> "tuple[pd.Series[float], ...]":
    """Both ends of the bars, which networks that were trained once have not."""
    return panels.bars(points, metric) if (points["replicates"] > 1).any() else ()


def _about(point: dict[Hashable, Any], metric: str) -> str:
    at = f"{point[metric]:.3g}, {100 * point['accuracy']:.3g} %"
    return f"{display(point['pruner'], 'pruner')} {point['sparsity']:g} ({at})"


def _size(sparsity: float) -> float:
    """Marker size in points."""
    return 4 + 6 * sparsity
