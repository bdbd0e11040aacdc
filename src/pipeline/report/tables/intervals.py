"""The accuracy and the metrics that a study shows, with their intervals."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from pipeline.report.names import display
from pipeline.report.table import Record, Table, by_sparsity, measured, network_table
from pipeline.report.view import View

EACH = "network"
ORDER = 30


def tables(view: View) -> Iterator[Table]:
    """Each metric, unscaled, with its 95 % bootstrap interval, where there is any."""
    if not view.rows["low"].notna().any():
        return
    numbers, metrics = view.points, ["accuracy", *view.metrics]
    header: list[str] = []
    rows: list[list[str]] = []
    for metric in metrics:
        cell = partial(_cell, metric=metric)
        header, found = by_sparsity(numbers, ["pruner", "uncertainty"], cell)
        rows += [[display(metric, "metric"), *row] for row in found]
    yield network_table(
        view,
        "intervals",
        f"95 % intervals, at sparsities s. They are over {_over(view.replicates)}. That of an ECE "
        "is of the true calibration error, which the plain ECE overestimates; of ensembles and MC "
        "dropout it holds at the scale of these images.",
        numbers,
        ["Metric", *header],
        rows,
        columns=[metric + bound for metric in metrics for bound in ("", "_low", "_high")],
        labels=3,
    )


def _over(replicates: int) -> str:
    if replicates > 1:
        return "trainings and test images: the mean of other trainings on other images lies there"
    return (
        "the test images, so they hold for these trained networks: how far another training would "
        "land is not in them"
    )


def _cell(record: Record, metric: str) -> str:
    low, high = (record[metric + bound] for bound in ("_low", "_high"))
    return measured(record, metric, 4) + ("" if np.isnan(low) else f" [{low:.4f}, {high:.4f}]")
