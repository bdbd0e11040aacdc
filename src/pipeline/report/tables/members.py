"""How far the members differ of a method that was scored for several."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.metrics import catalogue
from pipeline.metrics.replicates import metric_interval
from pipeline.report.replicates import OWN, Resamples
from pipeline.report.results import KEYS, SHOWN
from pipeline.report.table import Record, Table, by_sparsity, network_table, number
from pipeline.report.view import View

EACH = "network"
ORDER = 50


def tables(view: View) -> Iterator[Table]:
    """Mean and standard deviation over the members, those of all replicates.

    Members of a replicate and of several are trained from other seeds alike, so M members of R
    replicates are M · R trainings. Where they were resampled, the mean has a 95 % interval.
    """
    if not (view.rows["member"] > 0).any():
        return
    rows = view.own[view.own["default"]]
    several = rows.groupby(SHOWN)["member"].transform("max") > 0
    accuracies = rows[rows["metric"] == "accuracy"].groupby(SHOWN)["value"].mean().to_dict()
    found = []
    for metric in ("accuracy", *view.metrics):
        for names, members in rows[several & (rows["metric"] == metric)].groupby(SHOWN, sort=False):
            values = members["value"]
            bounds = _interval(members, accuracies[names], view.resamples)
            found.append([metric, *names, values.mean(), values.std(), len(values), *bounds])
    numbers = pd.DataFrame(found, columns=["metric", *SHOWN, "mean", "std", "count", "low", "high"])
    yield network_table(
        view,
        "members",
        "mean ± standard deviation over networks trained from different seeds, at sparsities s: "
        f"{numbers['count'].max()} members{_of(view.replicates)}. In brackets the 95 % interval of "
        "the mean of other such networks on other test images like these.",
        numbers,
        *by_sparsity(numbers, ["metric", "pruner", "uncertainty"], _cell),
        columns=["metric", "mean", "std", "count", "low", "high"],
        labels=3,
    )


def _of(replicates: int) -> str:
    return f" of {replicates} replicates" if replicates > 1 else ""


def _interval(members: pd.DataFrame, accuracy: float, resamples: Resamples) -> tuple[float, float]:
    """That of the mean over the members; NaN where one of them was not resampled."""
    metric = str(members["metric"].iloc[0])
    key = catalogue.resampled_key(metric)
    drawn = [resamples.get(names, {}) for names in members[KEYS].itertuples(index=False, name=None)]
    if not all(key in each for each in drawn):
        return np.nan, np.nan
    values = [
        each.get(OWN + key, value) for each, value in zip(drawn, members["value"], strict=True)
    ]
    return metric_interval(
        metric,
        np.array(values, dtype=float),
        np.stack([each[key] for each in drawn]),
        accuracy=accuracy,
        images=int(members["images"].iloc[0]),
    )


def _cell(record: Record) -> str:
    text = f"{number(record['mean'], 4)} ± {number(record['std'], 4)}"
    low, high = record["low"], record["high"]
    return text if np.isnan(low) else f"{text} [{low:.4f}, {high:.4f}]"
