"""How alike pruners rank the networks: whether what is hard for one is hard for the other.

Spearman's rank correlation of each pair of pruners, over the networks that both pruned. These
differ in sparsity and uncertainty method.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report import panels, style
from pipeline.report.names import UNPRUNED, display
from pipeline.report.view import View

EACH = "network"
ORDER = 60
CAPTION = (
    "Spearman's rank correlation between pruners, over the sparsities and uncertainty methods of "
    "this network: 1 means that two pruners order them alike, 0 that their orders have nothing in "
    "common, −1 that they are opposite. Look for pruners whose row is paler than the others."
)
# Of fewer networks a rank correlation says nothing.
FEWEST = 4


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each data set and architecture with several pruners and enough networks."""
    metrics = ["accuracy", *view.metrics]
    found = {metric: correlations(view.points, metric) for metric in metrics}
    found = {metric: each for metric, each in found.items() if not each.empty}
    if found:
        yield "pruners-alike", draw(view, found)


def correlations(points: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Spearman's correlation of each pair of pruners; empty where there is nothing to compare."""
    pruned = points[(points["pruner"] != UNPRUNED) & (points["sparsity"] > 0)]
    keys = ["uncertainty", "sparsity"]
    by_pruner = pruned.pivot(index=keys, columns="pruner", values=metric)
    by_pruner = by_pruner[list(pruned["pruner"].unique())].dropna()
    if by_pruner.shape[1] < 2 or len(by_pruner) < FEWEST:
        return pd.DataFrame()
    return by_pruner.rank().corr()


@style.styled
def draw(view: View, found: dict[str, pd.DataFrame]) -> Figure:
    """One panel for each metric."""
    pruners = len(next(iter(found.values())))
    side = max(1.6, 0.42 * pruners)
    figure, axes = panels.panels(
        1,
        len(found),
        f"{view.title}: how alike pruners rank the networks",
        legend=[],
        width=side,
        height=side,
        gap=0.6,
        names=1.0,
    )
    for (metric, each), ax in zip(found.items(), axes[0], strict=True):
        _panel(ax, each, first=ax is axes[0][0])
        panels.title(ax, display(metric, "metric"), "")
    return figure


def _panel(ax: Axes, correlation: pd.DataFrame, *, first: bool) -> None:
    values = correlation.to_numpy()
    names = [display(str(name), "pruner") for name in correlation]
    ax.pcolormesh(values, cmap=style.DIVERGING, vmin=-1, vmax=1, edgecolors="white", linewidth=1)
    for (row, column), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.2f}"
        dark = not np.isnan(value) and abs(value) > 0.6
        ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7.5,
                color="white" if dark else "black")  # fmt: skip
    at = np.arange(len(names)) + 0.5
    ax.set_xticks(at, names, rotation=45, ha="right")
    ax.set_yticks(at, names if first else [])
    ax.invert_yaxis()
    ax.tick_params(length=0)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
