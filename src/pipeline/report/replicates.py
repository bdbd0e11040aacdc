"""Means over replicates, which are what tables and figures show, and what they say of them.

A study's frame has a row for each replicate (see `results.tidy`); here they become one row with the
mean, the standard deviation between trainings, and an interval that holds trainings and images.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.metrics import catalogue
from pipeline.metrics.replicates import combined_p, metric_interval
from pipeline.study import AXES

REPLICATE = "replicate"
# What a row of means has beside the columns of `results.tidy`.
ADDED = ["std", "replicates"]
# A p-value, which has no mean.
P_CHANCE = "p_chance"

# Before the key of a metric: what its resamples are compared with, the images themselves.
OWN = "own/"

# By the values of the axes, then by metric: arrays [resamples], and by OWN + metric arrays [].
Resamples = dict[tuple[Any, ...], dict[str, np.ndarray]]


def count(frame: pd.DataFrame) -> int:
    """How many replicates a study's frame has."""
    if "replicates" in frame:
        return int(frame["replicates"].max())
    return int(frame[REPLICATE].max()) + 1 if REPLICATE in frame and len(frame) else 1


def averaged(frame: pd.DataFrame, resamples: Resamples | None = None) -> pd.DataFrame:
    """One row for all replicates, with the columns ``std`` and ``replicates`` added.

    The value is the mean, NaN where any replicate's is, and of p-values the combined one. The
    bounds are those of the mean, of other trainings and other images like these; without resamples,
    as of definitions that are not the default, they are NaN. A frame of one replicate keeps its
    rows: their bounds are those of the images alone, and ``std`` is NaN.
    """
    if "replicates" in frame:
        return frame
    if count(frame) == 1:
        return frame.assign(std=np.nan, replicates=1)
    keys = [key for key in [*AXES, "definition", "metric"] if key != REPLICATE]
    groups = frame.groupby(keys, sort=False, dropna=False)
    found = groups.first()
    # What is missing in one replicate is missing in the mean, too.
    whole = groups["value"].count() == groups.size()
    found = found.assign(
        value=groups["value"].mean().where(whole),
        std=groups["value"].std().where(whole),
        replicates=groups.size(),
        parameters=groups["parameters"].mean(),
        macs=groups["macs"].mean(),
        **{REPLICATE: 0},
    )
    if "other_copies" in found:
        found["other_copies"] = groups["other_copies"].agg(
            lambda names: " ".join(filter(None, names))
        )
    rows: Mapping[Any, np.ndarray] = {
        place: np.asarray(each) for place, each in groups.indices.items()
    }
    values = frame["value"].to_numpy()
    for place in found.index[found.index.get_level_values("metric") == P_CHANCE]:
        if whole[place]:
            found.loc[place, "value"] = combined_p(values[rows[place]]).item()
    found["low"], found["high"] = _bounds(frame, found, rows, resamples or {}).T
    return found.reset_index()[[*frame.columns, *ADDED]]


def _bounds(
    frame: pd.DataFrame,
    found: pd.DataFrame,
    rows: Mapping[Any, np.ndarray],
    resamples: Resamples,
) -> np.ndarray:
    """The interval of every row of `found`, [rows, 2]."""
    bounds = np.full((len(found), 2), np.nan)
    names = list(frame[list(AXES)].itertuples(index=False, name=None))
    values, low = frame["value"].to_numpy(), frame["low"].to_numpy()
    for position, (place, mean) in enumerate(found[["default", "images"]].iterrows()):
        metric = place[-1]  # type: ignore[index]
        here = rows[place]
        drawn = [resamples.get(names[row], {}) for row in here]
        key = catalogue.resampled_key(metric)
        if (
            not mean["default"]
            or not all(key in each for each in drawn)
            or np.isnan(low[here]).any()
        ):
            continue
        own = [each.get(OWN + key, values[row]) for each, row in zip(drawn, here, strict=True)]
        accuracy = rows.get((*place[:-1], "accuracy"))  # type: ignore[index]
        bounds[position] = metric_interval(
            metric,
            np.array(own, dtype=float),
            np.stack([each[key] for each in drawn]),
            accuracy=np.nan if accuracy is None else float(values[accuracy].mean()),
            images=int(mean["images"]),
        )
    return bounds


def trainings(replicates: int) -> str:
    """On what the numbers rest, for a caption."""
    if replicates == 1:
        return "Of one training of each network: how far another would land is not known."
    return f"Means over {replicates} trainings of each network, ± their standard deviation."


def in_a_title(replicates: int) -> str:
    """The same for the title of a figure."""
    return "one training" if replicates == 1 else f"means of {replicates} trainings"


def reading(replicates: int) -> str:
    """What intervals say, for the page of a study."""
    if replicates == 1:
        return (
            "Every network was trained once. Intervals are 95 % intervals over the test images: "
            "they hold for these trained networks and do not tell how far another training would "
            "land, for which a study has `replicates:`. That of the accuracy is Clopper and "
            "Pearson's, the others are percentiles of resamples."
        )
    return (
        f"Every network was trained {replicates} times, from other initial weights on. Numbers are "
        "means over these replicates, ± is their standard deviation, and intervals are 95 % "
        "intervals of the mean, over other trainings and other test images like these. The curves "
        "of sparsification and reliability are those of the first."
    )


def verdicts(replicates: int) -> str:
    """What the verdicts on pairs of networks rest on."""
    if replicates == 1:
        return (
            "How far another training would land. Each network was trained once, and the intervals "
            "hold for these trained networks: that a pruner is better than another takes several "
            "trainings of each."
        )
    return (
        "Much about trainings. They rest on the differences within each of "
        f"{replicates} replicates, and the intervals hold what other trainings and other images "
        "would change. Sizes of changes are those of each training, then averaged."
    )
