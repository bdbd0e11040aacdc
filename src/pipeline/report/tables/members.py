"""How far the members differ of a method that was scored for several."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.metrics import catalogue, percentile_interval, resample_members, shifted_interval
from pipeline.report.results import KEYS, OWN, Resamples
from pipeline.report.table import Record, Table, by_sparsity, network_table, number, records
from pipeline.report.view import View

EACH = "network"
ORDER = 50


def tables(view: View) -> Iterator[Table]:
    """Mean and standard deviation over the members.

    Where they were resampled, the mean has a 95 % interval over images and members.
    """
    if not (view.rows["member"] > 0).any():
        return
    keys = ["dataset", "architecture", "metric", "pruner", "uncertainty", "sparsity"]
    rows = view.rows[view.rows["default"]]
    rows = pd.concat([rows[rows["metric"] == metric] for metric in ("accuracy", *view.metrics)])
    numbers = rows.groupby(keys, sort=False)["value"].agg(["mean", "std", "count"]).reset_index()
    numbers = numbers[numbers["count"] > 1]
    bounds = [_interval(record, view.resamples) for record in records(numbers)]
    numbers[["low", "high"]] = np.reshape(bounds, (-1, 2))
    yield network_table(
        view,
        "members",
        "mean ± standard deviation over networks trained from different seeds, at sparsities s. In "
        "brackets the 95 % interval of the mean, which resamples the test images and the networks; "
        "of so few networks it is rather narrow.",
        numbers,
        *by_sparsity(numbers, ["metric", "pruner", "uncertainty"], _cell),
        columns=["metric", "mean", "std", "count", "low", "high"],
        labels=3,
    )


def _interval(record: Record, resamples: Resamples) -> tuple[float, float]:
    """That of the mean over the members; NaN where one of them was not resampled."""
    each = [record | {"member": member} for member in range(record["count"])]
    members = [resamples.get(tuple(member[key] for key in KEYS), {}) for member in each]
    metric = catalogue.resampled_key(record["metric"])
    if not all(metric in member for member in members):
        return np.nan, np.nan
    drawn = resample_members(np.stack([member[metric] for member in members]))
    if not metric.startswith("ece"):
        return percentile_interval(drawn)
    own = float(np.mean([member[OWN + metric] for member in members]))
    low, high = shifted_interval(own, drawn)
    return max(low, 0.0), max(high, 0.0)


def _cell(record: Record) -> str:
    text = f"{number(record['mean'], 4)} ± {number(record['std'], 4)}"
    low, high = record["low"], record["high"]
    return text if np.isnan(low) else f"{text} [{low:.4f}, {high:.4f}]"
