"""Tables 2 to 7: the accuracy beside a metric."""

from collections.abc import Iterator

from pipeline.report.names import display
from pipeline.report.ranking import about_marks, mark
from pipeline.report.table import (
    Record,
    Table,
    by_sparsity,
    measured,
    network_table,
)
from pipeline.report.view import View

EACH = "network"
ORDER = 10


def tables(view: View) -> Iterator[Table]:
    """One table for each metric that the study shows."""
    for metric in view.metrics:
        yield accuracy_table(view, metric)


def accuracy_table(view: View, metric: str) -> Table:
    """Accuracy/metric of every pruner and uncertainty method, scaled as the paper prints them.

    In tables of the AUSE marks say what does not rank the images better than chance.
    """
    numbers = view.points
    ranking = metric == "ause"

    def cell(record: Record) -> str:
        text = f"{measured(record, 'accuracy', 2, 100)}/{measured(record, metric, 3, 10)}"
        return text + mark(record) if ranking else text

    name = display(metric, "metric")
    caption = f"accuracy in % / {name} × 10 (0.319 means 0.0319), at sparsities s."
    return network_table(
        view,
        metric,
        f"{caption} {about_marks(numbers)}" if ranking else caption,
        numbers,
        *by_sparsity(numbers, ["pruner", "uncertainty"], cell),
        columns=["accuracy", metric, *(["random_level", "ause_over_random"] if ranking else [])],
    )
