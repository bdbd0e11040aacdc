"""What a figure or table is made from: a whole study, or a part of it.

>>> view = View(frame, metrics=["ause", "nll"]).of("cifar100", "resnet18")
>>> view.points, view.title, view.stem("ause")
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd

from pipeline.report import results
from pipeline.report.names import display
from pipeline.report.replicates import Resamples, averaged, count
from pipeline.report.results import Scores

# What is shown beside the accuracy unless a study says otherwise.
METRICS = ("ause", "ece")
PARTS = ("dataset", "architecture")


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
        whole: the view of the whole study.
        others: the rows of other test sets, of the whole study; `frame` has none of them.
    """

    frame: pd.DataFrame
    scores: Sequence[Scores] = ()
    metrics: Sequence[str] = METRICS
    resamples: Resamples = field(default_factory=dict)
    part: Mapping[str, str] = field(default_factory=dict)
    whole: "View | None" = None
    others: pd.DataFrame | None = None

    def of(self, *names: str) -> "View":
        """The part of the study that is one data set, or one data set and architecture."""
        part = dict(zip(PARTS, names, strict=False))
        return replace(self, part=part, whole=self.whole or self)

    @property
    def datasets(self) -> list["View"]:
        """One view of each data set."""
        return [self.of(name) for name in self.frame["dataset"].unique()]

    @property
    def networks(self) -> list["View"]:
        """One view of each data set and architecture that occur together."""
        rows = self.frame[list(PARTS)].drop_duplicates()
        return [self.of(*names) for names in rows.itertuples(index=False, name=None)]

    @property
    def everything(self) -> pd.DataFrame:
        """The whole study's rows, those of other test sets included."""
        return self.frame if self.others is None else pd.concat([self.frame, self.others])

    @cached_property
    def everything_averaged(self) -> pd.DataFrame:
        """The same with means over replicates."""
        if self.whole:
            return self.whole.everything_averaged
        return averaged(self.everything, self.resamples)

    def select(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows that belong to this part."""
        for column, name in self.part.items():
            frame = frame[frame[column] == name]
        return frame

    @property
    def replicates(self) -> int:
        """How many trainings of each network the numbers rest on."""
        return count(self.frame)

    @cached_property
    def means(self) -> pd.DataFrame:
        """The whole study's frame with means over replicates; see `replicates.averaged`."""
        return self.whole.means if self.whole else averaged(self.frame, self.resamples)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows of this part, with means over replicates."""
        return self.select(self.means)

    @cached_property
    def points(self) -> pd.DataFrame:
        """What tables and figures show of this part; see `results.shown`."""
        if self.whole:
            return self.select(self.whole.points)
        return self.select(results.shown(self.means))

    @property
    def combinations(self) -> list[Scores]:
        """Where the numbers of this part lie."""
        return [
            each
            for each in self.scores
            if all(getattr(each.combination, key) == name for key, name in self.part.items())
        ]

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
