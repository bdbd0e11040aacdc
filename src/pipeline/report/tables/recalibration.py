"""Calibration before and after temperature scaling."""

from collections.abc import Iterator
from functools import partial

from pipeline.report.names import display
from pipeline.report.table import Record, Table, by_sparsity, measured, network_table
from pipeline.report.view import View

EACH = "network"
ORDER = 25

# By metric, the same after scaling.
AFTER = {
    "nll": "nll_scaled",
    "brier": "brier_scaled",
    "ece_probability": "ece_scaled",
    "ece_probability_debiased": "ece_scaled_debiased",
    "adaptive_ece": "adaptive_ece_scaled",
}


def tables(view: View) -> Iterator[Table]:
    """Each metric before → after, then the temperature."""
    numbers = view.points
    columns = [key for pair in AFTER.items() for key in pair]
    if not {"temperature", *columns} <= set(numbers):
        return
    header: list[str] = []
    rows: list[list[str]] = []
    for metric in (*AFTER, "temperature"):
        header, found = by_sparsity(numbers, ["pruner", "uncertainty"], partial(_cell, key=metric))
        rows += [[display(metric, "metric"), *row] for row in found]
    yield network_table(
        view,
        "recalibration",
        "before → after temperature scaling, at sparsities s. Each half of the test images is "
        "scaled by the temperature that the other half asks for; the table has the geometric mean "
        "of both, and – where all images of a half are right.",
        numbers,
        ["Metric", *header],
        rows,
        columns=["temperature", *columns],
        labels=3,
    )


def _cell(record: Record, key: str) -> str:
    if key not in AFTER:
        return measured(record, key, 2)
    return f"{measured(record, key, 4)} → {measured(record, AFTER[key], 4)}"
