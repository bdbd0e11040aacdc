"""What the AUSE measures, in the form of the paper's Figure 1.

The error of the images that are kept while the most uncertain are removed: by the predicted
uncertainty, by the oracle, and in a random order. The AUSE is the area under the difference of the
first two, the sparsification error.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.figures import style
from pipeline.report.results import Combination, Curves, display, read_curves


@style.styled
def draw(combinations: Sequence[Combination]) -> Figure:
    """Draw combinations of one data set and architecture.

    A row of panels a pruner and sparsity, a column an uncertainty method.
    """
    legend = [
        style.entry("predicted uncertainty", color=style.GREEN),
        style.entry("oracle", color=style.BLUE),
        style.entry("random order", color=style.GREY, linestyle="--"),
        style.entry("sparsification error", color=style.VERMILLION, linewidth=3.5, alpha=0.6),
        style.entry("its area: the AUSE", color=style.VERMILLION, alpha=0.2, linewidth=8),
    ]
    figure, axes = style.combination_panels(
        combinations, "sparsification", "error of the kept images (%)", legend
    )
    for combination, ax in axes:
        curves = read_curves(combination)
        _panel(ax, curves)
        ratio = curves.metrics["ause_over_random"]
        note = "" if np.isnan(ratio) else f" = {ratio:.2f} × random order"
        style.title(
            ax, display(combination.uncertainty), f"AUSE {curves.metrics['ause']:.4f}{note}"
        )
    return figure


def _panel(ax: Axes, curves: Curves) -> None:
    removed = np.linspace(0, 100, len(curves.predicted))
    predicted, oracle = 100 * curves.predicted, 100 * curves.oracle
    # Nothing is left to be wrong once every image is removed.
    chance = np.append(np.full(len(removed) - 1, predicted[0]), 0)
    ax.plot(removed, chance, color=style.GREY, linestyle="--")
    ax.plot(removed, oracle, color=style.BLUE)
    # Where the oracle has no errors left both lines coincide; the wider one shows below.
    ax.plot(removed, predicted - oracle, color=style.VERMILLION, linewidth=3.5, alpha=0.6)
    ax.fill_between(removed, predicted - oracle, color=style.VERMILLION, alpha=0.2, linewidth=0)
    ax.plot(removed, predicted, color=style.GREEN)
    ax.set_xlim(0, 100)
    ax.set_xlabel("Removed images (%)")
