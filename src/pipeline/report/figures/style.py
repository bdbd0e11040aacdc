"""What all figures share: names, colours, markers, layout and saving.

Colours are those of Okabe and Ito, then of Tol's muted set, which colour-blind readers can tell
apart; in small numbers shapes and lines tell apart what colours tell apart.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import cycle
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.errors import PipelineError
from pipeline.report.results import UNPRUNED, Combination, display

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, GREY = "#E69F00", "#56B4E9", "#8A8A8A"
COLOURS = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY]
COLOURS += ["#882255", "#999933", "#332288", "#661100", "#44AA99", "#777777"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
DASHES = ["-", "--", ":", "-."]

HIGHER_IS_BETTER = {"accuracy", "aurg", "auroc"}

SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    # Text stays text, so that an SVG can be searched and edited.
    "svg.fonttype": "none",
    "svg.hashsalt": "pipeline",
}

# Without these, files would carry the date or the version that wrote them.
METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make a drawing function use :data:`SETTINGS`, whatever the caller's are."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(SETTINGS):
            return draw(*args, **kwargs)

    return drawn


def save(
    figure: Figure, path: Path, formats: Sequence[str] = ("svg", "png"), dpi: int = 150
) -> list[Path]:
    """Write a figure in each format to `path` plus suffix; equal figures give equal bytes.

    Raises:
        PipelineError: a format is not one of svg, png, pdf.
    """
    for name in formats:
        if name not in METADATA:
            raise PipelineError(f"unknown figure format {name!r}; known: {', '.join(METADATA)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    paths = [path.with_name(f"{path.name}.{name}") for name in formats]
    with matplotlib.rc_context(SETTINGS):
        for name, file in zip(formats, paths, strict=True):
            figure.savefig(file, format=name, dpi=dpi, metadata=METADATA[name])
    return paths


def looks(frame: pd.DataFrame, column: str, kinds: Sequence[str]) -> dict[str, str]:
    """The colour, marker or dash of every name in a column, by the order of the whole study."""
    names = [name for name in frame[column].unique() if name != UNPRUNED]
    return {UNPRUNED: kinds[0]} | dict(zip(names, cycle(kinds), strict=False))


def label(metric: str) -> str:
    """An axis label: the metric, its unit, and which way is better."""
    unit = " (%)" if metric == "accuracy" else ""
    better = "higher" if metric in HIGHER_IS_BETTER else "lower"
    return f"{display(metric)}{unit}, {better} is better"


def panels(
    rows: int,
    columns: int,
    title: str,
    *,
    legend: Sequence[Line2D],
    width: float,
    height: float,
    gap: float,
) -> tuple[Figure, list[list[Axes]]]:
    """A grid of axes of a fixed size in inches, with a title above and a legend on the right.

    Margins are computed instead of fitted, which takes matplotlib several times as long.
    """
    left, right, top, bottom, gap_x, gap_y = 0.85, 0.2, 0.75, 0.55, 0.6, gap
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
    combinations: Sequence[Combination], what: str, y_label: str, legend: Sequence[Line2D]
) -> tuple[Figure, list[tuple[Combination, Axes]]]:
    """One panel a combination: a row a pruner and sparsity, a column an uncertainty method."""
    networks = list(dict.fromkeys((c.pruner, c.sparsity) for c in combinations))
    uncertainties = list(dict.fromkeys(c.uncertainty for c in combinations))
    dataset, architecture = combinations[0].dataset, combinations[0].architecture
    figure, axes = panels(
        len(networks),
        len(uncertainties),
        f"{display(dataset)}, {display(architecture)}: {what}",
        legend=legend,
        width=2.4,
        height=2.1,
        gap=0.95,
    )
    found = {(c.pruner, c.sparsity, c.uncertainty): c for c in combinations}
    placed = []
    for (pruner, sparsity), row in zip(networks, axes, strict=True):
        for uncertainty, ax in zip(uncertainties, row, strict=True):
            combination = found.get((pruner, sparsity, uncertainty))
            if combination is None:
                ax.set_axis_off()
            else:
                placed.append((combination, ax))
        sparse = "" if pruner == UNPRUNED else f", sparsity {sparsity:g}"
        row[0].set_ylabel(f"{display(pruner)}{sparse}\n{y_label}")
    return figure, placed


def heading(text: str) -> Line2D:
    """A line of a legend that names what the entries below it are."""
    return Line2D([], [], linestyle="none", label=text, gid="heading")


def entry(text: str, **properties: Any) -> Line2D:
    """An entry of a legend that stands for no artist of the axes."""
    return Line2D([], [], label=text, **properties)


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
