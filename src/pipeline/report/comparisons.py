"""Every comparison that the findings of a study rest on, in families that are corrected together.

    >>> for family in compare(view): print(family.title, len(family.comparisons))

A comparison is a difference of means over networks that otherwise agree, such as all pruners at
one sparsity less the unpruned network. Both sides are judged on the same resamples of the test
images, and within the same training, so what they share cancels out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report import effects
from pipeline.report.measured import Comparison, Measured
from pipeline.report.names import UNPRUNED, display
from pipeline.report.table import MISSING, Table, number
from pipeline.report.view import PARTS, View

PRUNING, PRUNERS, METHODS = "pruning", "pruners", "methods"
TITLES = {
    PRUNING: "what pruning changes: the mean over the pruners less the unpruned network, for each "
    "network, uncertainty method and sparsity",
    PRUNERS: "pairs of pruners: means over the sparsities and the uncertainty methods, for each "
    "network",
    METHODS: "pairs of uncertainty methods: means over all pruners and sparsities, for each "
    "network",
}


@dataclass(frozen=True)
class Family:
    """Comparisons whose p-values are corrected together."""

    name: str
    comparisons: tuple[Comparison, ...]

    @property
    def title(self) -> str:
        """What is compared."""
        return TITLES[self.name]

    @property
    def tested(self) -> int:
        """How many of the comparisons have a p-value."""
        return sum(not np.isnan(each.effect.p) for each in self.comparisons)

    def of(self, metric: str) -> list[Comparison]:
        """Those of a metric."""
        return [each for each in self.comparisons if each.metric == metric]


def compare(view: View) -> list[Family]:
    """The families of a study, without those that have nothing to compare."""
    makers = {PRUNING: _pruning, PRUNERS: _pruners, METHODS: _methods}
    found: dict[str, list[Comparison]] = {name: [] for name in makers}
    for metric in dict.fromkeys(("accuracy", *view.metrics)):
        measured = Measured.of(view, metric)
        for name, make in makers.items():
            found[name] += make(measured)
    return [
        Family(name, tuple(_corrected(comparisons)))
        for name, comparisons in found.items()
        if comparisons
    ]


def _corrected(found: Sequence[Comparison]) -> Iterator[Comparison]:
    corrected = effects.adjusted([each.effect for each in found])
    return (replace(each, effect=one) for each, one in zip(found, corrected, strict=True))


def _pruning(measured: Measured) -> Iterator[Comparison]:
    for where, rows in measured.networks:
        for method, of_method in rows.groupby("uncertainty", sort=False, observed=True):
            unpruned = of_method.index[of_method["pruner"] == UNPRUNED]
            pruned = of_method[of_method["pruner"] != UNPRUNED]
            for sparsity in sorted(pruned["sparsity"].unique()):
                here = pruned[pruned["sparsity"] == sparsity]
                if len(unpruned):
                    place = where | {"uncertainty": str(method)}
                    sides, both = (float(sparsity), 0.0), (here.index, unpruned)
                    yield measured.comparison(place, "sparsity", sides, both)


def _pruners(measured: Measured) -> Iterator[Comparison]:
    for where, rows in measured.networks:
        pruned = rows[rows["pruner"] != UNPRUNED]
        yield from _pairs(measured, where, pruned, "pruner", ["sparsity", "uncertainty"])


def _methods(measured: Measured) -> Iterator[Comparison]:
    for where, rows in measured.networks:
        yield from _pairs(measured, where, rows, "uncertainty", ["pruner", "sparsity"])


def _pairs(
    measured: Measured, where: Mapping[str, Any], rows: pd.DataFrame, axis: str, over: list[str]
) -> Iterator[Comparison]:
    """Every pair of an axis' values, over what both have."""
    parts = dict(iter(rows.groupby(axis, sort=False, observed=True)))
    for first, second in combinations(parts, 2):
        both = parts[first].reset_index().merge(parts[second].reset_index(), on=over)
        if len(both):
            found = pd.Index(both["index_x"]), pd.Index(both["index_y"])
            yield measured.comparison(where, axis, (first, second), found)


def table(families: Sequence[Family]) -> Table:
    """All comparisons, with their intervals and p-values before and after the correction."""
    header = ["Family", "Data set", "Network", "Method", "Metric", "First", "Second"]
    header += ["Difference", "95 % interval", "p", "p (Holm)", "Trainings"]
    rows, numbers = [], []
    for family in families:
        for each in family.comparisons:
            what = [_side(side, each.axis) for side in (each.first, each.second)]
            found = each.effect
            names = [display(each.where.get(key, ""), key) or "all"
                     for key in (*PARTS, "uncertainty")]  # fmt: skip
            if each.axis == "uncertainty":
                names[-1] = MISSING
            interval = MISSING if np.isnan(found.low) else f"[{found.low:.4f}, {found.high:.4f}]"
            shown = [
                number(found.value, 4),
                interval,
                number(found.p, 3),
                number(found.adjusted, 3),
            ]
            metric = display(each.compared, "metric")
            rows.append([family.name, *names, metric, *what, *shown, str(found.trainings)])
            record = {"family": family.name, **{key: each.where.get(key, "") for key in PARTS}}
            record |= {"uncertainty": each.where.get("uncertainty", ""), "metric": each.metric}
            numbers.append(record | {"first": each.first, "second": each.second} | vars(found))
    titles = "; ".join(f"*{each.name}*: {each.title}" for each in families)
    caption = (
        "Every comparison behind the findings: the first less the second, on the same resamples of "
        "the test images. Interval and p follow from the standard error of that difference; p "
        "(Holm) is corrected over its family, in which all metrics of all networks are. Families: "
        f"{titles}. Of two ECEs the debiased ones are compared, of ensembles and MC dropout with "
        "the uncertainty scaled between its quantiles. Without p: fewer than 5 errors, or nothing "
        "that varies."
    )
    return Table("comparisons", caption, header, rows, pd.DataFrame(numbers), labels=7)


def _side(side: Any, axis: str) -> str:
    if axis == "sparsity":
        return f"s = {side:g}" if side else "unpruned"
    return display(str(side), axis)
