"""Table 1: how large the networks are."""

from collections.abc import Iterator

from pipeline.report.table import Record, Table, by_sparsity, number
from pipeline.report.view import View

EACH = "study"
ORDER = 10

WHAT = {"parameters": "Parameters", "macs": "Multiply-accumulates (MACs) of one image"}


def tables(view: View) -> Iterator[Table]:
    """Parameters and MACs; the paper prints no MACs."""
    for quantity in WHAT:
        if view.frame[quantity].notna().any():
            yield sizes(view, quantity)


def sizes(view: View, quantity: str = "parameters") -> Table:
    """The parameters (or `macs`) of every network, in millions.

    Pruners that leave the same number at every sparsity share a row, as in the paper.
    """
    keys = ["dataset", "architecture", "pruner", "sparsity"]
    numbers = view.points.dropna(subset=quantity)
    numbers = numbers.groupby(keys, sort=False, as_index=False)[list(WHAT)].mean()
    decimals = 2 if numbers[quantity].min() >= 1e5 else 4

    def cell(record: Record) -> str:
        return number(record[quantity] / 1e6, decimals)

    header, rows = by_sparsity(numbers, keys[:3], cell)
    sharing: dict[tuple[str, ...], list[str]] = {}
    for dataset, architecture, pruner, *cells in rows:
        sharing.setdefault((dataset, architecture, *cells), []).append(pruner)
    rows = [[*key[:2], ", ".join(pruners), *key[2:]] for key, pruners in sharing.items()]
    caption = (
        f"{WHAT[quantity]}, in millions, at sparsities s. Where the networks of the uncertainty "
        "methods or of replicates differ, their mean."
    )
    name = "sizes" if quantity == "parameters" else quantity
    return Table(name, caption, header, rows, numbers, labels=3)
