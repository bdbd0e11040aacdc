"""Reliability diagrams: what the ECE measures.

Each bin's accuracy over its mean confidence, once by p[ŷ], the probability of the predicted class,
and once by the confidence of the paper, 1 − the uncertainty scaled to the most and the least
uncertain image, where that is another one. The vertical lines are the gaps whose mean, weighted by
the images of the bin, is the ECE.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.metrics.proportions import proportion_interval
from pipeline.report import panels, style
from pipeline.report.names import UNPRUNED, display
from pipeline.report.results import PROBABILITY, Curves, Scores, read_curves
from pipeline.report.view import View

EACH = "network"
ORDER = 40
CAPTION = (
    "How often images of a confidence are right. On the dashed line the confidence is the "
    "accuracy; below it the network is too sure. Bands are 95 % intervals of each bin's accuracy, "
    "so a gap that stays within its band may be chance. p[ŷ] is the probability of the predicted "
    "class; the scaled confidence depends on the most and the least uncertain image."
)
# The horizontal axis of each kind of confidence.
BY_PROBABILITY, BY_SCALE = "p[ŷ] (%)", "1 − scaled uncertainty (%)"


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each data set and architecture whose curves are there."""
    if panels.examples(view):
        yield "reliability", draw(view)


@style.styled
def draw(view: View) -> Figure:
    """Draw the `panels.examples` of one data set and architecture: one row for each network."""
    read = [(each, read_curves(each)) for each in panels.examples(view)]
    networks = list(dict.fromkeys(_network(each) for each, _ in read))
    columns = list(
        dict.fromkeys(
            (each.combination.uncertainty, kind) for each, curves in read for kind in _kinds(curves)
        )
    )
    figure, axes = panels.panels(
        len(networks),
        len(columns),
        f"{view.title}: reliability, {panels.first_of(view.replicates)}",
        legend=_legend(),
        width=2.1,
        height=2.1,
        gap=0.95,
    )
    curves_of = {(*_network(each), each.combination.uncertainty): curves for each, curves in read}
    for network, row in zip(networks, axes, strict=True):
        pruner, sparsity = network
        sparse = "" if pruner == UNPRUNED else f", sparsity {sparsity:g}"
        row[0].set_ylabel(f"{display(pruner, 'pruner')}{sparse}\naccuracy (%)")
        for (method, kind), ax in zip(columns, row, strict=True):
            curves = curves_of.get((*network, method))
            if curves is None or kind not in _kinds(curves):
                ax.set_axis_off()
                continue
            bins, metric = _kinds(curves)[kind]
            _panel(ax, bins)
            ax.set_xlabel(kind)
            value = curves.metrics.get(metric, np.nan)
            said = "" if np.isnan(value) else f"{display(metric, 'metric')} {value:.4f}"
            panels.title(ax, display(method, "uncertainty"), said)
    return figure


def _network(scored: Scores) -> tuple[str, float]:
    return scored.combination.pruner, scored.combination.sparsity


def _kinds(curves: Curves) -> dict[str, tuple[np.ndarray, str]]:
    """By the name of its axis, each confidence that was scored, and the metric of its gaps."""
    if curves.definition == PROBABILITY:
        return {BY_PROBABILITY: (curves.reliability, "ece")}
    scaled = {BY_SCALE: (curves.reliability, "ece")}
    if len(curves.of_probability) == 0:
        return scaled
    return {BY_PROBABILITY: (curves.of_probability, "ece_probability")} | scaled


def _legend() -> list[Any]:
    dots: dict[str, Any] = {"color": style.BLUE, "marker": "o", "linestyle": "none"}
    return [
        panels.entry("calibrated", color=style.GREY, linestyle="--"),
        panels.entry("gap", color=style.VERMILLION),
        panels.entry("95 % interval", color=style.BLUE, alpha=0.2, linewidth=6),
        panels.heading("Images of the bin"),
        *(
            panels.entry(f"{100 * share:g} %", markersize=_area(share) ** 0.5, **dots)
            for share in (0.01, 0.1, 0.5)
        ),
    ]


def _panel(ax: Axes, reliability: np.ndarray) -> None:
    bins = reliability[reliability[:, 2] > 0]
    confidence, accuracy, images = 100 * bins[:, 0], 100 * bins[:, 1], bins[:, 2]
    bounds = [proportion_interval(round(right * count), round(count)) for _, right, count in bins]
    low, high = 100 * np.array(bounds).reshape(-1, 2).T
    ax.plot([0, 100], [0, 100], color=style.GREY, linestyle="--", zorder=1)
    ax.vlines(confidence, low, high, color=style.BLUE, alpha=0.2, linewidth=6, zorder=1)
    ax.vlines(confidence, accuracy, confidence, color=style.VERMILLION, zorder=2)
    ax.scatter(confidence, accuracy, s=_area(images / images.sum()), color=style.BLUE, zorder=3)
    ax.set_xlim(-3, 103)
    ax.set_ylim(-3, 103)


def _area(share: float) -> float:
    """Marker area in square points."""
    return 8 + 150 * share
