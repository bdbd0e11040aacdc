"""How the AUSE stands to that of a random order of the images."""

from collections.abc import Iterator

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
ORDER = 20


def tables(view: View) -> Iterator[Table]:
    """AUSE ÷ AUSE of a random order, marked where that is not better than chance."""
    numbers = view.points
    caption = (
        "AUSE ÷ AUSE of a random order of the images, at sparsities s: 0 ranks like the oracle, 1 "
        f"like chance. {about_marks(numbers)}"
    )
    yield network_table(
        view,
        "ause-over-random",
        caption,
        numbers,
        *by_sparsity(numbers, ["pruner", "uncertainty"], _cell),
        columns=["ause", "random_level", "ause_over_random"],
    )


def _cell(record: Record) -> str:
    return measured(record, "ause_over_random", 2) + mark(record)
