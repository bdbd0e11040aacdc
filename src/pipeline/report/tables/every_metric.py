"""Every metric of every combination."""

from collections.abc import Iterator

from pipeline.report.names import display
from pipeline.report.results import wide
from pipeline.report.table import Table, measured, network_table, records
from pipeline.report.view import View

EACH = "network"
ORDER = 60


def tables(view: View) -> Iterator[Table]:
    """One row for each combination, one column for each metric that is defined anywhere."""
    numbers = view.mine("wide", lambda study: wide(study.means))
    metrics = [metric for metric in view.names("metric") if numbers[metric].notna().any()]
    rows = [
        [
            display(record["pruner"], "pruner"),
            f"{record['sparsity']:g}",
            display(record["uncertainty"], "uncertainty"),
            *(measured(record, metric, 4) for metric in metrics),
        ]
        for record in records(numbers)
    ]
    yield network_table(
        view,
        "metrics",
        "every metric, as fractions.",
        numbers,
        ["Pruner", "Sparsity", "Uncertainty", *(display(m, "metric") for m in metrics)],
        rows,
        columns=metrics,
        labels=3,
    )
