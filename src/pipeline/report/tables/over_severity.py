"""Accuracy, calibration and ranking over the severity of each corruption."""

from collections.abc import Iterator

import pandas as pd

from pipeline.report import test_sets
from pipeline.report.names import display
from pipeline.report.replicates import trainings
from pipeline.report.table import MISSING, Record, Table, measured, records
from pipeline.report.view import View

EACH = "network"
ORDER = 70

ROWS = ["kind", "pruner", "uncertainty", "sparsity"]


def tables(view: View) -> Iterator[Table]:
    """One table for each metric, with a column for each severity."""
    found = test_sets.series(view)
    if not found.empty:
        for metric in test_sets.metrics(view):
            yield table(view, found, metric)


def table(view: View, points: pd.DataFrame, metric: str) -> Table:
    """One metric of one data set and architecture."""
    # The unpruned network is the same under every pruner.
    once = ~points.duplicated(["kind", "uncertainty", "severity", "sparsity"])
    points = points[(points["sparsity"] > 0) | once]
    severities = sorted(points["severity"].unique())
    rows: dict[tuple[str, ...], dict[int, str]] = {}
    for record in records(points):
        names = (
            record["kind"].replace("_", " "),
            display(record["pruner"], "pruner") if record["sparsity"] else "Unpruned",
            display(record["uncertainty"], "uncertainty"),
            f"{record['sparsity']:g}",
        )
        rows.setdefault(names, {})[record["severity"]] = _cell(record, metric)
    columns = [f"{metric}{bound}" for bound in ("", "_low", "_high", "_std")]
    scale = " in %" if metric == "accuracy" else ""
    return Table(
        view.stem(f"over-severity-{metric.replace('_', '-')}"),
        f"{view.title}: {display(metric, 'metric')}{scale} of corrupted test images, at each "
        f"severity; 0 are the test images as they are. The networks are the same. "
        f"{trainings(view.replicates)}",
        ["Corruption", "Pruner", "Uncertainty", "Sparsity", *map(str, severities)],
        [
            [*names, *(cells.get(severity, MISSING) for severity in severities)]
            for names, cells in rows.items()
        ],
        points[["dataset", "architecture", *ROWS, "severity", *columns]],
        labels=4,
    )


def _cell(record: Record, metric: str) -> str:
    if metric == "accuracy":
        return measured(record, metric, 2, 100)
    return measured(record, metric, 4)
