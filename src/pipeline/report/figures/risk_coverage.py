"""Risk over coverage: what error is left if only the more certain images are answered.

The AURC is the area under such a curve. It holds the errors of the sparsification curve, read from
the other side.
"""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report import panels, style
from pipeline.report.names import UNPRUNED, display
from pipeline.report.results import Scores, read_curves
from pipeline.report.view import View
from pipeline.study import REPEATS

EACH = "network"
ORDER = 20
CAPTION = (
    "The error of the images that are answered, if the network answers only the share of images "
    "(the coverage) of which it is most certain. On the right all are answered. Look for lines "
    "that fall fast to the left: there the uncertainty finds the errors; a level line is chance."
)


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each data set and architecture, of its pruners' sparsest networks."""
    if view.combinations:
        yield "risk-coverage", draw(view)


@style.styled
def draw(view: View) -> Figure:
    """One column for each uncertainty method, one row for the smallest and largest sparsity."""
    first = [
        each
        for each in view.combinations
        if all(getattr(each.combination, key) == value for key, value in REPEATS.items())
    ]
    colours = _colours(view)
    pruners = [name for name in _names(first, "pruner") if name != UNPRUNED]
    sparsities = sorted({each.combination.sparsity for each in first} - {0.0})
    rows = list(dict.fromkeys([*sparsities[:1], *sparsities[-1:]])) or [0.0]
    methods = _names(first, "uncertainty")
    legend = [panels.heading("Pruner"), panels.entry("unpruned", color=style.BLACK)]
    legend += [panels.entry(display(name, "pruner"), color=colours[name]) for name in pruners]
    figure, axes = panels.panels(
        len(rows),
        len(methods),
        f"{view.title}: risk over coverage, {panels.first_of(view.replicates)}",
        legend=legend,
        width=2.4,
        height=2.1,
        gap=0.95,
    )
    for sparsity, row in zip(rows, axes, strict=True):
        for method, ax in zip(methods, row, strict=True):
            here = [each for each in first if each.combination.uncertainty == method]
            _panel(ax, here, sparsity, colours)
            panels.title(ax, display(method, "uncertainty"), _definition(here))
        row[0].set_ylabel(f"Sparsity {sparsity:g}\nerror of answered images (%)")
    return figure


def _panel(ax: Axes, here: list[Scores], sparsity: float, colours: dict[str, str]) -> None:
    for each in here:
        if each.combination.sparsity in (0, sparsity):
            error = 100 * read_curves(each).predicted[:-1]
            coverage = 100 - 100 * np.arange(len(error)) / len(error)
            unpruned = each.combination.pruner == UNPRUNED
            colour = style.BLACK if unpruned else colours[each.combination.pruner]
            ax.plot(coverage, error, color=colour, zorder=3 if unpruned else 2)
    ax.set_xlim(0, 100)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("Coverage (%)")


def _definition(here: list[Scores]) -> str:
    return display(read_curves(here[0]).definition, "definition") if here else ""


def _names(scores: list[Scores], axis: str) -> list[str]:
    return list(dict.fromkeys(getattr(each.combination, axis) for each in scores))


def _colours(view: View) -> dict[str, str]:
    """Those that the whole study's figures use."""
    names = [name for name in _names(list(view.scores), "pruner") if name != UNPRUNED]
    return dict(zip(names, style.repeated(style.COLOURS, len(names)), strict=True))
