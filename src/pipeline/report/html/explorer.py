"""What the interactive figure draws: every metric of every combination, by column.

Numbers have five significant digits. A metric that follows from the probabilities alone is the same
by every definition of uncertainty and stands there once, under the name `ANY`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.metrics import catalogue
from pipeline.metrics.metric import PROBABILITIES
from pipeline.report.names import UNPRUNED, display
from pipeline.report.results import KEYS, SIZES, Scores

ANY = "*"
BOUNDS = ("value", "low", "high")
# The columns of sizes that can be drawn over, and what they are called.
COSTS = {"macs": "MACs of one image", "parameters": "Parameters"}


def data(frame: pd.DataFrame, scores: Sequence[Scores]) -> dict[str, Any]:
    """The data of the interactive figure, for JSON.

    ``axes`` has for each axis its values with their names; ``at`` for each combination the places
    of its values among these; ``values[metric][definition]`` the columns of :data:`BOUNDS`, of
    which bounds may be missing.
    """
    networks = frame[KEYS].drop_duplicates(ignore_index=True)
    codes = frame.groupby(KEYS, sort=False, dropna=False).ngroup().to_numpy()
    axes, at = [], []
    for key in KEYS:
        values = list(dict.fromkeys(networks[key]))
        names = [f"{value:g}" if isinstance(value, float) else display(str(value), key)
                 for value in values]  # fmt: skip
        plain = [value if isinstance(value, str) else float(value) for value in values]
        axes.append({"key": key, "label": axis_label(key), "values": plain, "names": names})
        place = {value: index for index, value in enumerate(values)}
        at.append([place[value] for value in networks[key]])
    defaults = frame.loc[frame["default"]].groupby(codes[frame["default"].to_numpy()], sort=False)
    definitions = list(dict.fromkeys(frame["definition"]))
    first = defaults["definition"].first().sort_index()
    places = {tuple(each.combination.axes[key] for key in KEYS): each.place for each in scores}
    return {
        "axes": axes,
        "at": at,
        "unpruned": UNPRUNED,
        "places": [places.get(names, "") for names in networks.itertuples(index=False, name=None)],
        "definitions": [{"key": key, "label": display(key, "definition")} for key in definitions],
        "default": [definitions.index(name) for name in first],
        "metrics": [_metric(key) for key in frame["metric"].unique()],
        "costs": _costs(frame, codes, len(networks)),
        "values": _values(frame, codes, len(networks)),
    }


def as_json(content: Mapping[str, Any]) -> str:
    """JSON that no name in it can end the element of a page that holds it."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def axis_label(key: str) -> str:
    """What a control and a column call an axis."""
    names = {"dataset": "Data set", "architecture": "Network", "uncertainty": "Uncertainty method"}
    return names.get(key, key.replace("_", " ").capitalize())


def _metric(key: str) -> dict[str, Any]:
    known = catalogue.find(key)
    return {
        "key": key,
        "label": display(key, "metric"),
        "higher": bool(known and known.higher_is_better),
        "percent": key == "accuracy",
    }


def _values(frame: pd.DataFrame, codes: "np.ndarray[Any, Any]", count: int) -> dict[str, Any]:
    found: dict[str, dict[str, list[list[float | None]]]] = {}
    for (metric, definition), rows in frame.assign(_at=codes).groupby(
        ["metric", "definition"], sort=False
    ):
        columns = [_column(rows[bound], rows["_at"], count) for bound in BOUNDS]
        if all(each is None for each in columns[1]):
            columns = columns[:1]
        found.setdefault(str(metric), {})[str(definition)] = columns
    return {
        metric: {ANY: _merged(columns)} if _of_probabilities(metric) else columns
        for metric, columns in found.items()
    }


def _of_probabilities(metric: str) -> bool:
    """Whether it is the same by every definition of uncertainty."""
    known = catalogue.find(metric)
    return known is not None and known.needs == PROBABILITIES


def _merged(by_definition: Mapping[str, list[list[float | None]]]) -> list[list[float | None]]:
    """The columns of all definitions in one: where they have a value, it is the same."""
    widest = max(by_definition.values(), key=len)
    return [
        [
            next((value for value in values if value is not None), None)
            for values in zip(*(c[at] for c in by_definition.values() if at < len(c)), strict=True)
        ]
        for at in range(len(widest))
    ]


def _costs(frame: pd.DataFrame, codes: "np.ndarray[Any, Any]", count: int) -> dict[str, Any]:
    once = frame[SIZES].assign(_at=codes).drop_duplicates("_at")
    return {
        key: {"label": label, "values": _column(once[key], once["_at"], count)}
        for key, label in COSTS.items()
        if once[key].notna().any()
    }


def _column(values: "pd.Series[Any]", at: "pd.Series[Any]", count: int) -> list[float | None]:
    column: list[float | None] = [None] * count
    for row, value in zip(at, values, strict=True):
        if np.isfinite(value):
            column[row] = float(f"{value:.5g}")
    return column
