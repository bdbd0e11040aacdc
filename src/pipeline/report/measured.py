"""A metric of every network of a study, in each training and on resamples, and its differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.metrics import catalogue, intervals
from pipeline.report import effects, results
from pipeline.report.effects import Effect
from pipeline.report.results import KEYS, Resamples
from pipeline.report.view import PARTS, View
from pipeline.study import REPEATS

# The axis along which everything is trained anew; the other repeats show one measurement.
TRAININGS = "replicate"
# In place of a metric, what is compared where it was resampled: `paper.verdicts` says why.
COMPARED = {"ece": "ece_clipped"}


@dataclass(frozen=True)
class Comparison:
    """A difference of a metric: `first` less `second`.

    Attributes:
        metric: its key.
        compared: the key of what is compared in its place, such as its debiased form.
        where: by axis, what both sides share.
        axis: in which they differ: "sparsity", "pruner" or "uncertainty".
        first: a value of that axis.
        second: another one.
        cells: how many networks the first side is the mean of.
        effect: the difference.
    """

    metric: str
    compared: str
    where: Mapping[str, Any]
    axis: str
    first: Any
    second: Any
    cells: int
    effect: Effect

    @property
    def better(self) -> int:
        """1 where the first side is better and that is more than chance, -1 where it is worse."""
        known = catalogue.find(self.metric)
        return self.effect.sign * (1 if known and known.higher_is_better else -1)


@dataclass(frozen=True)
class Measured:
    """A metric of every network: a row of `frame` each, with its value in each training.

    Attributes:
        metric: its key.
        compared: see `Comparison`.
        frame: dataset, architecture, pruner, sparsity and uncertainty of N networks.
        own: [N, R].
        drawn: on resamples, [N, R, B]; B = 0 without.
        shifted: whether resampling adds a bias.
    """

    metric: str
    compared: str
    frame: pd.DataFrame
    own: NDArray[np.float64]
    drawn: NDArray[np.float64]
    shifted: bool

    @classmethod
    def of(cls, view: View, metric: str) -> "Measured":
        """A metric of a study, of the default definitions of uncertainty."""
        keys = [key for key in KEYS if key not in REPEATS]
        frame = view.own  # each training has rows of its own
        rows = _first(frame[frame["default"]])
        key = _compared(rows, metric, view.resamples)
        rows = rows[rows["metric"] == key]
        again = TRAININGS if TRAININGS in REPEATS else "member"
        values = rows.set_index([*keys, again])["value"].unstack(again)
        # Unstacking sorts the names; this puts them back in their order.
        values = values.loc[rows.set_index(keys).index.unique()].dropna()
        repeats = [REPEATS | {again: training} for training in values.columns]
        own = values.to_numpy(dtype=float, copy=True)
        frame = values.index.to_frame(index=False)
        named = [dict(zip(keys, names, strict=True)) for names in values.index]
        found = [
            [view.resamples.get(tuple((each | one)[k] for k in KEYS), {}) for one in repeats]
            for each in named
        ]
        drawn = _drawn(found, key, frame, _unranked(view, metric, keys))
        for row, each in enumerate(found):
            for column, one in enumerate(each):
                own[row, column] = one.get(results.OWN + key, own[row, column])
        return cls(metric, key, frame, own, drawn, _is_shifted(key))

    @cached_property
    def networks(self) -> list[tuple[dict[str, str], pd.DataFrame]]:
        """The rows of each architecture on a data set, with what names it."""
        return [
            (dict(zip(PARTS, map(str, names), strict=True)), rows)
            for names, rows in self.frame.groupby(list(PARTS), sort=False, observed=True)
        ]

    def comparison(
        self,
        where: Mapping[str, Any],
        axis: str,
        sides: tuple[Any, Any],
        rows: tuple[pd.Index, pd.Index],
    ) -> Comparison:
        """The mean of some rows less that of others."""
        first, second = (each.to_numpy() for each in rows)
        found = effects.effect(
            self.own[first].mean(axis=0) - self.own[second].mean(axis=0),
            self.drawn[first].mean(axis=0) - self.drawn[second].mean(axis=0),
            shifted=self.shifted,
        )
        return Comparison(
            self.metric, self.compared, where, axis, *sides, cells=len(first), effect=found
        )


def _first(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each repeated measurement the first, but of all trainings."""
    for key, first in REPEATS.items():
        if key != TRAININGS:
            rows = rows[rows[key] == first]
    return rows


def _compared(rows: pd.DataFrame, metric: str, resamples: Resamples) -> str:
    """The key of what is compared where a metric is asked for: what was resampled in its place."""
    for key in (COMPARED.get(metric, metric), catalogue.resampled_key(metric)):
        if (rows["metric"] == key).any() and any(key in each for each in resamples.values()):
            return key
    return metric


def _is_shifted(key: str) -> bool:
    known = catalogue.METRICS_BY_KEY.get(key)
    source = catalogue.of_interval(known).interval if known else None
    return isinstance(source, intervals.Interval) and source.bounds is intervals.calibration


def _unranked(view: View, metric: str, keys: Sequence[str]) -> set[tuple[Any, ...]]:
    """The networks whose interval is not known: too few errors to say how they are ranked."""
    rows = _first(view.rows[view.rows["default"] & (view.rows["metric"] == metric)])
    return set(rows.loc[rows["low"].isna(), list(keys)].itertuples(index=False, name=None))


def _drawn(
    found: Sequence[Sequence[Mapping[str, NDArray[np.floating[Any]]]]],
    key: str,
    frame: pd.DataFrame,
    unranked: set[tuple[Any, ...]],
) -> NDArray[np.float64]:
    """The resamples [N, R, B], NaN where there are none of a network."""
    trainings = len(found[0]) if found else 0
    count = max((len(one[key]) for each in found for one in each if key in one), default=0)
    drawn = np.full((len(found), trainings, count), np.nan)
    for row, (each, names) in enumerate(
        zip(found, frame.itertuples(index=False, name=None), strict=True)
    ):
        for column, one in enumerate(each):
            if names not in unranked and len(one.get(key, ())) == count > 0:
                drawn[row, column] = one[key]
    return drawn
