"""The table of all combinations: keys, then every metric by the default definition."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.report.html.explorer import axis_label
from pipeline.report.names import display
from pipeline.report.results import SHOWN, wide
from pipeline.report.table import MISSING, number


@dataclass(frozen=True)
class Cell:
    """A number with its interval, or a name."""

    text: str
    interval: str = ""
    name: bool = False


@dataclass(frozen=True)
class Rows:
    """A table that sorts and filters: the first `keys` columns name the row.

    Attributes:
        header: the columns' names.
        rows: their cells.
        keys: how many columns name the row.
        constant: what all rows share, in place of a column.
    """

    header: list[str]
    rows: list[list[Cell]]
    keys: int
    constant: list[str]


def rows(frame: pd.DataFrame, metrics: list[str]) -> Rows:
    """One row for each combination that tables show, first the metrics that the study shows."""
    numbers = wide(frame)
    # Which combination it is, comes first what differs most from row to row.
    ordered = ["pruner", "sparsity", "uncertainty"]
    ordered = [*(key for key in ordered if key in SHOWN), *(k for k in SHOWN if k not in ordered)]
    keys = [key for key in ordered if numbers[key].nunique() > 1] or ordered[:1]
    constant = [f"{axis_label(key)}: {_name(numbers[key].iloc[0], key)}"
                for key in ordered if key not in keys]  # fmt: skip
    known = [metric for metric in frame["metric"].unique() if numbers[metric].notna().any()]
    shown = [metric for metric in ("accuracy", *metrics) if metric in known]
    others = [metric for metric in known if metric not in shown]
    sizes = [size for size in ("parameters", "macs") if numbers[size].notna().any()]
    names = {"parameters": "Parameters (M)", "macs": "MACs (M)"}
    header = [
        *map(axis_label, keys),
        *(display(metric, "metric") for metric in shown),
        "Definition",
        *(display(metric, "metric") for metric in others),
        *(names[size] for size in sizes),
    ]
    found = []
    for record in numbers.to_dict("records"):
        cells = [Cell(_name(record[key], key)) for key in keys]
        cells += [_measured(record, metric) for metric in shown]
        cells += [Cell(display(str(record["definition"]), "definition"), name=True)]
        cells += [Cell(number(record[metric], 4)) for metric in others]
        cells += [Cell(number(record[size] / 1e6, 4)) for size in sizes]
        found.append(cells)
    return Rows(header, found, len(keys), constant)


def _name(value: object, key: str) -> str:
    return f"{value:g}" if isinstance(value, float) else display(str(value), key)


def _measured(record: "dict[object, object]", metric: str) -> Cell:
    value, low, high = (float(str(record[metric + bound])) for bound in ("", "_low", "_high"))
    interval = "" if np.isnan(low) else f"[{low:.4f}, {high:.4f}]"
    return Cell(number(value, 4) if not np.isnan(value) else MISSING, interval)
