"""Held-out training images and other test sets that have no severity."""

from collections.abc import Iterator

from pipeline.report import test_sets
from pipeline.report.names import display
from pipeline.report.replicates import trainings
from pipeline.report.table import Table, by_sparsity, measured
from pipeline.report.view import View

EACH = "network"
ORDER = 75


def tables(view: View) -> Iterator[Table]:
    """Each metric of each test set, the data set's own first."""
    found = test_sets.others(view)
    if found.empty:
        return
    shown = test_sets.metrics(view)
    header: list[str] = []
    rows: list[list[str]] = []
    for metric in shown:
        header, cells = by_sparsity(
            found,
            ["test_set", "pruner", "uncertainty"],
            lambda record, metric=metric: measured(record, metric, 4),  # type: ignore[misc]
        )
        rows += [[display(metric, "metric"), *row] for row in cells]
    names = ["dataset", "architecture", "test_set", "pruner", "uncertainty", "sparsity"]
    yield Table(
        view.stem("other-test-sets"),
        f"{view.title}: the same networks on other images of the same classes, at sparsities s. "
        "*test* are the data set's own test images; *validation* are training images that no "
        "network was trained with, to choose a sparsity or an option by. "
        f"{trainings(view.replicates)}",
        ["Metric", "Test set", *header[1:]],
        rows,
        found[[*names, *shown]],
        labels=4,
    )
