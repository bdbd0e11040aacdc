"""What a figure or table is made from: a whole study, or a part of it.

>>> view = View(frame, metrics=["ause", "nll"]).of("cifar100", "resnet18")
>>> view.points, view.title, view.stem("ause")
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pandas as pd

from pipeline.report import results
from pipeline.report.about import Trained
from pipeline.report.names import display
from pipeline.report.replicates import Resamples, averaged, count
from pipeline.report.results import Scores

# What is shown beside the accuracy unless a study says otherwise.
METRICS = ("ause", "ece")
PARTS = ("dataset", "architecture")

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """A study, or one of its data sets, or one architecture on one of them.

    Attributes:
        frame: the whole study's, in the form of `results.tidy`, each replicate with rows of its
            own: what names look like depends on all of them.
        scores: where the whole study's numbers lie, for figures that draw curves.
        metrics: what is shown beside the accuracy.
        resamples: of the whole study, by the values of `results.KEYS`.
        part: by column, what the view is restricted to.
        whole: the study that this is a part of.
        examples: the pruners and sparsities whose curves are drawn, if the study says which.
        trained: the whole study's networks whose training may have been recorded.
        others: the rows of other test sets, of the whole study; `frame` has none of them.
    """

    frame: pd.DataFrame
    scores: Sequence[Scores] = ()
    metrics: Sequence[str] = METRICS
    resamples: Resamples = field(default_factory=dict)
    part: Mapping[str, str] = field(default_factory=dict)
    whole: "View | None" = None
    examples: Sequence[Mapping[str, Any]] = ()
    trained: Sequence[Trained] = ()
    others: pd.DataFrame | None = None
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, *names: str) -> "View":
        """The part of the study that is one data set, or one data set and architecture."""
        part = dict(zip(PARTS, names, strict=False))
        return replace(self, part=part, whole=self.whole or self)

    @property
    def datasets(self) -> list["View"]:
        """One view of each data set."""
        return [self.of(name) for name in self.names("dataset")]

    @property
    def networks(self) -> list["View"]:
        """One view of each data set and architecture that occur together."""
        rows = self.frame[list(PARTS)].drop_duplicates()
        return [self.of(*names) for names in rows.itertuples(index=False, name=None)]

    def once(self, name: Hashable, make: Callable[["View"], T]) -> T:
        """What `make` makes of the whole study, made once for all of its parts."""
        whole = self.whole or self
        if name not in whole._made:
            whole._made[name] = make(whole)
        made: T = whole._made[name]
        return made

    def mine(self, name: Hashable, make: Callable[["View"], pd.DataFrame]) -> pd.DataFrame:
        """The rows of this part in a frame that `make` makes of the whole study.

        It is made and taken apart once for all parts: a study has many, and each of its tables and
        figures asks for some.
        """
        frame = self.once(name, make)
        columns = list(self.part)
        if not columns or frame.empty:
            return frame
        apart = self.once(
            (name, "by", *columns),
            lambda whole: dict(iter(frame.groupby(columns, sort=False, observed=True))),
        )
        return apart.get(tuple(self.part.values()), frame.iloc[:0])

    def _mine(self, name: str, items: Iterable[T], names: Callable[[T], object]) -> list[T]:
        """Those of some items that belong to this part, by the names that an item has."""

        def apart(whole: "View") -> dict[tuple[str, ...], list[T]]:
            found: dict[tuple[str, ...], list[T]] = {}
            for each in items:
                key = tuple(getattr(names(each), column) for column in self.part)
                found.setdefault(key, []).append(each)
            return found

        return self.once((name, "by", *self.part), apart).get(tuple(self.part.values()), [])

    def names(self, column: str) -> list[str]:
        """The values of a column in the whole study, in their order."""
        return self.once(("names", column), lambda whole: list(whole.frame[column].unique()))

    @property
    def everything(self) -> pd.DataFrame:
        """The whole study's rows, those of other test sets included."""
        return self.once(
            "everything",
            lambda whole: (
                whole.frame if whole.others is None else pd.concat([whole.frame, whole.others])
            ),
        )

    @property
    def everything_averaged(self) -> pd.DataFrame:
        """The same with means over replicates."""
        return self.once(
            "everything averaged", lambda whole: averaged(whole.everything, whole.resamples)
        )

    @property
    def replicates(self) -> int:
        """How many trainings of each network the numbers rest on."""
        return self.once("replicates", lambda whole: count(whole.frame))

    @property
    def means(self) -> pd.DataFrame:
        """The whole study's frame with means over replicates; see `replicates.averaged`."""
        return self.once("means", lambda whole: averaged(whole.frame, whole.resamples))

    @property
    def own(self) -> pd.DataFrame:
        """The rows of this part, each replicate with rows of its own."""
        return self.mine("frame", lambda whole: whole.frame)

    @property
    def rows(self) -> pd.DataFrame:
        """The rows of this part, with means over replicates."""
        return self.mine("means", lambda whole: whole.means)

    @property
    def points(self) -> pd.DataFrame:
        """What tables and figures show of this part; see `results.shown`."""
        return self.mine("points", lambda whole: results.shown(whole.means))

    @property
    def combinations(self) -> list[Scores]:
        """Where the numbers of this part lie."""
        return self._mine("scores", self.scores, lambda each: each.combination)

    @property
    def training(self) -> list[Trained]:
        """The networks of this part whose training may have been recorded."""
        return self._mine("trained", self.trained, lambda each: each)

    @property
    def title(self) -> str:
        """The part as figures and captions name it: ``CIFAR-100, ResNet18``."""
        return ", ".join(display(name, column) for column, name in self.part.items())

    def stem(self, kind: str) -> str:
        """A file name without suffix: ``cifar100-resnet18-`` and the kind of figure or table."""
        return stem(*self.part.values(), kind)


def stem(*names: str) -> str:
    """A file name without suffix from names of a study."""
    return "-".join(re.sub(r"[^\w.-]+", "-", name) for name in names)
