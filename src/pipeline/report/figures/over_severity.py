"""Accuracy, calibration and ranking over the severity of a corruption.

There is one row of panels for each metric and one column for each uncertainty method. Colours are
pruners, and lines grow paler with the sparsity; the unpruned network is black.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.report import panels, style, test_sets
from pipeline.report.names import display
from pipeline.report.replicates import in_a_title
from pipeline.report.view import View

EACH = "network"
ORDER = 40
CAPTION = (
    "Accuracy, calibration and ranking as the test images are corrupted more and more; severity 0 "
    "are the images themselves. Look whether pruned networks fall faster than the unpruned one, "
    "which is black."
)

# The width, in severities, over which lines are set apart.
SPREAD = 0.3


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each corruption."""
    found = test_sets.series(view)
    if not found.empty:
        for kind, points in found.groupby("kind", sort=False):
            yield f"over-severity-{kind}", draw(view, str(kind), points)


@style.styled
def draw(view: View, kind: str, points: pd.DataFrame) -> Figure:
    """Draw one corruption of one data set and architecture."""
    uncertainties = list(points["uncertainty"].unique())
    metrics = test_sets.metrics(view)
    figure, axes = panels.panels(
        len(metrics),
        len(uncertainties),
        f"{view.title}: {kind.replace('_', ' ')} of growing severity, "
        f"{in_a_title(view.replicates)}",
        legend=_legend(view, points),
        width=3.0,
        height=2.0,
        gap=0.5,
    )
    for metric, row in zip(metrics, axes, strict=True):
        for uncertainty, ax in zip(uncertainties, row, strict=True):
            _panel(ax, points[points["uncertainty"] == uncertainty], metric, view)
            if row is axes[0]:
                ax.set_title(display(uncertainty, "uncertainty"))
        row[0].set_ylabel(",\n".join(style.label(metric).rsplit(", ", 1)))
    for ax in axes[-1]:
        ax.set_xlabel("Severity (0: as they are)")
    return figure


def _panel(ax: Axes, points: pd.DataFrame, metric: str, view: View) -> None:
    """One metric of one uncertainty method."""
    scale = 100 if metric == "accuracy" else 1
    colours = style.looks(view.names("pruner"), style.COLOURS)
    sparsities = sorted(points["sparsity"].unique())
    unpruned = points[points["sparsity"] == 0].drop_duplicates("severity")
    lines = list(points[points["sparsity"] > 0].groupby(["pruner", "sparsity"], sort=False))
    for position, (_, line) in enumerate(lines):
        pruner, sparsity = line[["pruner", "sparsity"]].iloc[0]
        place = SPREAD * ((position + 0.5) / len(lines) - 0.5)
        look = {"color": colours[pruner], "alpha": _alpha(sparsity, sparsities), "markersize": 3.5}
        _line(ax, line, metric, scale, place, marker="o", **look)
    _line(ax, unpruned, metric, scale, 0.0, color="black", marker="o", markersize=4)
    ax.set_xticks(sorted(points["severity"].unique()))


def _line(ax: Axes, line: pd.DataFrame, metric: str, scale: int, place: float, **look: Any) -> None:
    line = line.sort_values("severity")
    x = line["severity"] + place
    ax.plot(x, scale * line[metric], **look)
    bars = {key: look[key] for key in ("color", "alpha") if key in look}
    low, high = (scale * line[f"{metric}_{bound}"] for bound in ("low", "high"))
    ax.vlines(x, low, high, linewidth=0.9, **bars)


def _alpha(sparsity: float, sparsities: list[float]) -> float:
    """Paler where more is pruned away."""
    return 1.0 - 0.65 * (sparsities.index(sparsity) - 1) / max(1, len(sparsities) - 1)


def _legend(view: View, points: pd.DataFrame) -> list[Line2D]:
    colours = style.looks(view.names("pruner"), style.COLOURS)
    pruned = points[points["sparsity"] > 0]
    entries = [panels.heading("Pruner"), panels.entry("unpruned", color="black", marker="o")]
    for name in pruned["pruner"].unique():
        entries += [panels.entry(display(name, "pruner"), color=colours[name], marker="o")]
    sparsities = sorted(points["sparsity"].unique())
    if len(sparsities) > 1:
        entries += [panels.heading("Sparsity")]
    for sparsity in sparsities[1:]:
        alpha = _alpha(sparsity, sparsities)
        entries += [panels.entry(f"{sparsity:g}", color=style.GREY, alpha=alpha, linewidth=3)]
    if points["accuracy_low"].notna().any():
        bar: dict[str, Any] = {"marker": "|", "ls": "none", "markersize": 10}
        entries += [panels.heading("Marks"), panels.entry("95 % interval", color="grey", **bar)]
    return entries
