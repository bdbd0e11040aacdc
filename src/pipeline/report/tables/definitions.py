"""The AUSE by every definition of uncertainty that was scored."""

from collections.abc import Iterator

from pipeline.report.results import unrepeated
from pipeline.report.table import Record, Table, by_sparsity, network_table, number
from pipeline.report.view import View

EACH = "network"
ORDER = 40

KEYS = ["dataset", "architecture", "uncertainty", "definition", "sparsity"]


def tables(view: View) -> Iterator[Table]:
    """Means over the pruners, where there is more than one definition."""
    if view.rows["default"].all():
        return
    rows = unrepeated(view.rows)
    rows = rows[rows["metric"].isin(["ause", "ause_over_random"])]
    means = rows.groupby([*KEYS, "metric"], sort=False)["value"].mean().unstack()
    numbers = means.loc[rows.set_index(KEYS).index.unique()].reset_index()
    yield network_table(
        view,
        "definitions",
        "AUSE by definition of the uncertainty, in brackets AUSE ÷ AUSE of a random order; means "
        "over the pruners, at sparsities s.",
        numbers,
        *by_sparsity(numbers, ["uncertainty", "definition"], _cell),
        columns=["ause", "ause_over_random"],
    )


def _cell(record: Record) -> str:
    return f"{number(record['ause'], 4)} ({number(record['ause_over_random'], 2)})"
