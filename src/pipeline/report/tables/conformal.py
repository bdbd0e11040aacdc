"""Conformal sets: how often they hold the label, and how large they are."""

from collections.abc import Iterator
from functools import partial

from pipeline.report.table import Record, Table, by_sparsity, measured, network_table
from pipeline.report.view import View

EACH = "network"
ORDER = 27

METHODS = {"lac": "LAC", "aps": "APS"}


def tables(view: View) -> Iterator[Table]:
    """Coverage and mean size for both kinds of sets."""
    numbers = view.points
    columns = [f"{method}_{what}" for method in METHODS for what in ("coverage", "size")]
    if not set(columns) <= set(numbers):
        return
    header: list[str] = []
    rows: list[list[str]] = []
    for method, name in METHODS.items():
        header, found = by_sparsity(numbers, ["pruner", "uncertainty"], partial(_cell, key=method))
        rows += [[name, *row] for row in found]
    yield network_table(
        view,
        "conformal",
        "coverage in % / mean number of classes of the conformal sets of 90 %, at sparsities s. "
        "The threshold of each half of the test images is taken from the other half. Fewer than "
        "one class on average means that some sets are empty, as some must be of a network that is "
        "right more often than 90 %.",
        numbers,
        ["Sets", *header],
        rows,
        columns=columns,
        labels=3,
    )


def _cell(record: Record, key: str) -> str:
    coverage = measured(record, f"{key}_coverage", 1, 100)
    return f"{coverage}/{measured(record, f'{key}_size', 2)}"
