"""Training curves: loss and accuracy on the training images, epoch by epoch.

They are drawn from ``history.csv``, which lies beside a trained network where its training was
recorded; it has the columns epoch, loss, accuracy, learning_rate and seconds.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.report import panels, style
from pipeline.report.about import Trained
from pipeline.report.names import UNPRUNED, display
from pipeline.report.view import View

EACH = "network"
ORDER = 50
CAPTION = (
    "How the networks trained, on the training images: above the unpruned ones, one line each; "
    "below what came after pruning, of the first member, the paler the less sparse. A loss that "
    "still falls at the end says that the training was short; one that jumps, that the learning "
    "rate was high. Scores are of test images, these curves are not."
)
HISTORY = "history.csv"
QUANTITIES = {"loss": "Loss", "accuracy": "Accuracy (%)", "learning_rate": "Learning rate"}


def figures(view: View) -> Iterator[tuple[str, Figure]]:
    """One figure for each data set and architecture of which any training was recorded."""
    found = [(each, history) for each in view.training
             if (history := read(each.folder / HISTORY)) is not None]  # fmt: skip
    if found:
        yield "training", draw(view, found)


def read(path: Path) -> pd.DataFrame | None:
    """A history, None where there is none or what is there is not one."""
    try:
        found = pd.read_csv(path)
    except (OSError, ValueError):
        return None
    numbers = found.reindex(columns=["epoch", *QUANTITIES]).apply(pd.to_numeric, errors="coerce")
    return None if numbers.empty or numbers["epoch"].isna().any() else numbers


@style.styled
def draw(view: View, found: list[tuple[Trained, pd.DataFrame]]) -> Figure:
    """One row for the training and, where there is any, one for what came after pruning."""
    unpruned = [each for each in found if each[0].pruner == UNPRUNED]
    first = next((each.kind for each, _ in found if each.pruner != UNPRUNED), "")
    pruned = [each for each in found if each[0].pruner != UNPRUNED and each[0].kind == first]
    rows = [each for each in (unpruned, pruned) if each]
    names = list(dict.fromkeys(each.pruner for each in view.trained if each.pruner != UNPRUNED))
    colours = dict(zip(names, style.repeated(style.COLOURS, len(names)), strict=True))
    sparsities = sorted({each.sparsity for each, _ in pruned})
    figure, axes = panels.panels(
        len(rows),
        len(QUANTITIES),
        f"{view.title}: training",
        legend=_legend(unpruned, pruned, colours),
        width=2.6,
        height=2.1,
        gap=0.75,
    )
    for networks, row in zip(rows, axes, strict=True):
        for (quantity, label), ax in zip(QUANTITIES.items(), row, strict=True):
            for trained, history in networks:
                if networks is unpruned:
                    look = _unpruned(trained)
                else:
                    share = (1 + sparsities.index(trained.sparsity)) / len(sparsities)
                    look = {"color": colours[trained.pruner], "alpha": 0.25 + 0.75 * share}
                _line(ax, history, quantity, look)
            panels.title(ax, label, "")
        for ax in row:
            ax.set_xlabel("Epoch")
        row[0].set_ylabel("training" if networks is unpruned else f"after pruning, {first}")
    return figure


def _unpruned(trained: Trained) -> dict[str, object]:
    dropout = trained.kind.startswith("dropout")
    return {"color": style.VERMILLION if dropout else style.BLUE, "alpha": 0.7}


def _line(ax: Axes, history: pd.DataFrame, quantity: str, look: dict[str, object]) -> None:
    scale = 100 if quantity == "accuracy" else 1
    marker = "o" if len(history) == 1 else None
    ax.plot(history["epoch"], scale * history[quantity], marker=marker, linewidth=1, **look)  # type: ignore[arg-type]


def _legend(
    unpruned: list[tuple[Trained, pd.DataFrame]],
    pruned: list[tuple[Trained, pd.DataFrame]],
    colours: dict[str, str],
) -> list[Line2D]:
    entries = []
    if unpruned:
        entries += [panels.heading("Unpruned")]
        kinds = {each.kind.partition("-")[0]: each for each, _ in unpruned}
        for kind, each in kinds.items():
            text = "with dropout" if kind == "dropout" else "without dropout"
            entries += [panels.entry(text, color=_unpruned(each)["color"])]
    if pruned:
        entries += [panels.heading("Pruner")]
        for name in dict.fromkeys(each.pruner for each, _ in pruned):
            entries += [panels.entry(display(name, "pruner"), color=colours[name])]
    return entries
