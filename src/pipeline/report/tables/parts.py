"""The aleatoric and the epistemic part of the uncertainty, and how often members disagree."""

from collections.abc import Iterator
from functools import partial

from pipeline.report.parts import PARTS, parts
from pipeline.report.table import Record, Table, by_sparsity, measured, network_table
from pipeline.report.view import View

EACH = "network"
ORDER = 45


def tables(view: View) -> Iterator[Table]:
    """Means over the images, of each method that predicts several times."""
    numbers = parts(view)
    if numbers.empty:
        return
    header: list[str] = []
    rows: list[list[str]] = []
    for definition, name in PARTS.items():
        cell = partial(_cell, key=definition)
        header, found = by_sparsity(numbers, ["pruner", "uncertainty"], cell)
        rows += [[name, *row] for row in found]
    yield network_table(
        view,
        "parts",
        "entropy of the mean prediction in nats, in all and in its two parts: aleatoric, the "
        "expected entropy, and epistemic, the mutual information; and the share of the pairs of "
        "members, or passes, that predict different classes. Means over the images, at sparsities "
        "s; 0 is before pruning.",
        numbers,
        ["Part", *header],
        rows,
        columns=[*PARTS],
        labels=3,
    )


def _cell(record: Record, key: str) -> str:
    return measured(record, key, 4)
