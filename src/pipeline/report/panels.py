"""Where panels, legends and titles stand, and how far an axis reaches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.errors import PipelineError
from pipeline.report.names import UNPRUNED, display
from pipeline.report.results import Scores
from pipeline.report.view import View
from pipeline.study import REPEATS


def panels(
    rows: int,
    columns: int,
    title: str,
    *,
    legend: Sequence[Line2D],
    width: float,
    height: float,
    gap: float,
    names: float = 0.0,
) -> tuple[Figure, list[list[Axes]]]:
    """A grid of axes of a fixed size in inches, with a title above and a legend on the right.

    Margins are computed instead of fitted, which takes matplotlib several times as long; `names`
    is added on the left and below for long names at the ticks.
    """
    left, right, top, bottom, gap_x, gap_y = 0.85 + names, 0.2, 0.75, 0.55 + names, 0.6, gap
    inner_x = columns * width + (columns - 1) * gap_x
    inner_y = rows * height + (rows - 1) * gap_y
    entries = int((inner_y + top) / 0.2)
    legend_columns = -(-len(legend) // entries)
    full_x = left + inner_x + right + 1.9 * legend_columns
    full_y = top + inner_y + bottom
    figure = Figure(figsize=(full_x, full_y))
    grid = figure.add_gridspec(
        rows,
        columns,
        left=left / full_x,
        right=(left + inner_x) / full_x,
        bottom=bottom / full_y,
        top=1 - top / full_y,
        wspace=gap_x / width,
        hspace=gap_y / height,
    )
    figure.suptitle(title, x=left / full_x, y=1 - 0.12 / full_y, ha="left", va="top", weight="bold")
    placed = figure.legend(
        handles=list(legend),
        loc="upper left",
        bbox_to_anchor=((left + inner_x + right) / full_x, 1 - (top - 0.15) / full_y),
        ncols=legend_columns,
        borderaxespad=0,
        handlelength=2.4,
        labelspacing=0.45,
    )
    for handle, text in zip(legend, placed.get_texts(), strict=True):
        if handle.get_gid() == "heading":
            text.set_fontweight("bold")
    return figure, [[figure.add_subplot(grid[i, j]) for j in range(columns)] for i in range(rows)]


def combination_panels(
    view: View, what: str, y_label: str, legend: Sequence[Line2D]
) -> tuple[Figure, list[tuple[Scores, Axes]]]:
    """One panel for each of some combinations: the unpruned network and one that is pruned.

    There is one row for each pruner and sparsity, and one column for each uncertainty method.
    """
    shown = examples(view)
    at = {
        (each.combination.pruner, each.combination.sparsity, each.combination.uncertainty): each
        for each in shown
    }
    networks = list(dict.fromkeys(key[:2] for key in at))
    uncertainties = list(dict.fromkeys(key[2] for key in at))
    figure, axes = panels(
        len(networks),
        len(uncertainties),
        f"{view.title}: {what}, {first_of(view.replicates)}",
        legend=legend,
        width=2.4,
        height=2.1,
        gap=0.95,
    )
    placed = []
    for (pruner, sparsity), row in zip(networks, axes, strict=True):
        for uncertainty, ax in zip(uncertainties, row, strict=True):
            if (pruner, sparsity, uncertainty) in at:
                placed.append((at[pruner, sparsity, uncertainty], ax))
            else:
                ax.set_axis_off()
        sparse = "" if pruner == UNPRUNED else f", sparsity {sparsity:g}"
        row[0].set_ylabel(f"{display(pruner, 'pruner')}{sparse}\n{y_label}")
    return figure, placed


def first_of(replicates: int) -> str:
    """Of which training curves are, for the title of a figure."""
    return "one training" if replicates == 1 else f"the first of {replicates} trainings"


def examples(view: View) -> list[Scores]:
    """The unpruned network, then those that the study names under ``figures: examples:``.

    Without any it is one pruner's sparsest: that of l1, if the study has it.

    Raises:
        PipelineError: there is no network of such a name and sparsity anywhere in the study.
    """
    first = [
        each
        for each in view.combinations
        if all(getattr(each.combination, key) == value for key, value in REPEATS.items())
    ]
    unpruned = [each for each in first if each.combination.pruner == UNPRUNED]
    pruned = [each for each in first if each.combination.pruner != UNPRUNED]
    pruners = [each.combination.pruner for each in pruned]
    if view.examples:
        return unpruned + _named(view, pruned)
    pruner = "l1" if "l1" in pruners else next(iter(pruners), None)
    of_pruner = [each for each in pruned if each.combination.pruner == pruner]
    sparsest = max((each.combination.sparsity for each in of_pruner), default=None)
    return unpruned + [each for each in of_pruner if each.combination.sparsity == sparsest]


def _named(view: View, pruned: Sequence[Scores]) -> list[Scores]:
    wanted = [(each["pruner"], float(each["sparsity"])) for each in view.examples]
    known = {(each.combination.pruner, each.combination.sparsity) for each in view.scores}
    for pruner, sparsity in wanted:
        if (pruner, sparsity) not in known:
            raise PipelineError(
                f"figures.examples: no network is pruned by {pruner!r} to sparsity {sparsity:g}"
            )
    return [
        each
        for name in wanted
        for each in pruned
        if (each.combination.pruner, each.combination.sparsity) == name
    ]


def heading(text: str) -> Line2D:
    """A line of a legend that names what the entries below it are."""
    return Line2D([], [], linestyle="none", label=text, gid="heading")


def entry(text: str, **properties: Any) -> Line2D:
    """An entry of a legend that stands for no artist of the axes."""
    return Line2D([], [], label=text, **properties)


def bars(points: pd.DataFrame, metric: str) -> tuple["pd.Series[float]", "pd.Series[float]"]:
    """Where error bars begin and end: ± the standard deviation between trainings of several.

    Of one training it is the interval over the images.
    """
    if (points["replicates"] == 1).all():
        return points[f"{metric}_low"], points[f"{metric}_high"]
    deviation = points[f"{metric}_std"]
    return points[metric] - deviation, points[metric] + deviation


def near(values: pd.Series) -> pd.Series:
    """Which values an axis should show: all but a few that lie far from the others.

    Far is a gap wider than all others together span, few is a twentieth, or one of ten and more:
    a network that collapsed should not squeeze into a corner how the others differ.
    """
    ordered = np.sort(values.to_numpy())
    gaps = np.diff(ordered, prepend=-np.inf, append=np.inf)
    few = max(ordered.size // 20, int(ordered.size >= 10))
    for left_out in range(1, few + 1):
        for first in range(left_out + 1):
            last = ordered.size - left_out + first - 1
            span = ordered[last] - ordered[first]
            if 0 < span < min(gaps[first], gaps[last + 1]):
                return values.between(ordered[first], ordered[last])
    return values.notna()


def limits(values: pd.Series, margin: float = 0.08) -> tuple[float, float]:
    """Axis limits with a margin around the values."""
    if values.empty:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    pad = margin * (high - low) or 0.01 * abs(high) or 0.01
    return low - pad, high + pad


def outside(points: Sequence[str]) -> str:
    """A note on points that a panel leaves out."""
    more = f" and {len(points) - 1} more" if len(points) > 1 else ""
    return f"outside: {points[0]}{more}" if points else ""


def title(ax: Axes, text: str, note: str = "") -> None:
    """The title of a panel and, smaller, a note below it."""
    ax.set_title(text, pad=16 if note else 6)
    if note:
        ax.text(
            0.5,
            1.02,
            note,
            transform=ax.transAxes,
            ha="center",
            va="bottom",
            size=7.5,
            color="#555555",
        )
