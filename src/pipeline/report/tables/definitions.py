"""The AUSE by every definition of uncertainty that was scored."""

from collections.abc import Iterator

from pipeline.report.replicates import REPLICATE
from pipeline.report.table import Record, Table, by_sparsity, measured, network_table
from pipeline.report.view import View

EACH = "network"
ORDER = 40

KEYS = ["dataset", "architecture", "uncertainty", "definition", "sparsity"]


def tables(view: View) -> Iterator[Table]:
    """Means over the pruners, where there is more than one definition."""
    if view.rows["default"].all():
        return
    rows = view.own
    rows = rows[rows["metric"].isin(["ause", "ause_over_random"]) & (rows["member"] == 0)]
    by_pruner = rows.groupby([*KEYS, "metric", REPLICATE], sort=False)["value"].mean()
    over = by_pruner.groupby([*KEYS, "metric"], sort=False)
    means = over.mean().unstack().join(over.std().unstack().add_suffix("_std"))
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
    return f"{measured(record, 'ause', 4)} ({measured(record, 'ause_over_random', 2)})"
