"""What the paper says, held against a study's numbers.

    >>> frame = results.tidy(combinations)
    >>> for judgement in judge(frame): print(judgement.claim.text, judgement.verdict)
    >>> beside_published(frame)    # own and printed values, where the paper has the network

A verdict counts pairs of networks (see :mod:`pipeline.claims`), so the paper's claims can be put to
any study, and to the paper's own tables.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import results
from pipeline.claims import CLAIMS, Claim
from pipeline.results import UNPRUNED, display, published, scored, shown
from pipeline.tables import MISSING, Table, stem

READING = """## The paper's claims

Each claim of the paper is read as a statement about pairs of networks, such as one network at two
neighbouring sparsities, and its verdict counts the pairs that do as claimed. A pair is *open* where
the 95 % interval of its difference holds 0. Of the other pairs at least nine in ten do as claimed
where a claim is *supported*, and at most half where it is *contradicted*; between these it is
*mixed*, and *undecided* where most pairs are open. Two networks are *alike* where they differ by
less than pruning has changed the first of them. A claim about several metrics is worth its worst.

The interval of a difference is put together from those of the two values as if these were
independent (Zou and Donner, Statistics in Medicine, 2008). They share their test images, so it is
rather too wide. It holds for these trained networks: how far another training would land is not in
it. Pairs share networks, too, so their number is no measure of significance. The paper prints no
intervals: in its tables every difference counts."""

METRICS = ("accuracy", "ause", "ece")
KEYS = [key for key in results.KEYS if key != "member"]
NETWORK = ["dataset", "architecture"]

NOT_TESTABLE = "not testable here"
VERDICTS = ("supported", "undecided", "mixed", "contradicted")


@dataclass(frozen=True)
class Estimate:
    """Values with the bounds of their 95 % intervals: arrays [N]."""

    value: NDArray[np.floating[Any]]
    low: NDArray[np.floating[Any]]
    high: NDArray[np.floating[Any]]

    @classmethod
    def of(cls, frame: pd.DataFrame, column: str, side: str = "") -> "Estimate":
        """A column of networks or pairs; where it has no interval, both bounds are the value."""
        value = frame[column + side]
        bounds = (frame.get(f"{column}_{bound}{side}", value) for bound in ("low", "high"))
        low, high = (bound.fillna(value).to_numpy(dtype=float) for bound in bounds)
        return cls(value.to_numpy(dtype=float), low, high)

    def columns(self, name: str) -> dict[str, NDArray[np.floating[Any]]]:
        """The columns from which :meth:`of` reads it."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def __sub__(self, other: "Estimate") -> "Estimate":
        """The difference, by the method of variance estimates recovery (Zou and Donner, 2008)."""
        value = self.value - other.value
        below = np.hypot(self.value - self.low, other.high - other.value)
        above = np.hypot(self.high - self.value, other.value - other.low)
        return Estimate(value, value - below, value + above)

    def __abs__(self) -> "Estimate":
        ends = np.abs([self.low, self.high])
        low = np.where(self.sign == 0, 0.0, ends.min(axis=0))
        return Estimate(np.abs(self.value), low, ends.max(axis=0))

    def log(self) -> "Estimate":
        """The logarithm of values that are not negative."""
        tiny = np.finfo(float).tiny
        parts = (np.log(np.maximum(part, tiny)) for part in (self.value, self.low, self.high))
        return Estimate(*parts)

    @property
    def sign(self) -> NDArray[np.int64]:
        """1 where the whole interval is above 0, -1 where it is below, 0 where it holds 0."""
        return (self.low > 0).astype(np.int64) - (self.high < 0)


@dataclass(frozen=True)
class Count:
    """Of so many pairs, so many do as claimed and so many the opposite; the others are open."""

    pairs: int
    agree: int
    against: int

    @property
    def verdict(self) -> str:
        """One of VERDICTS, or NOT_TESTABLE; READING says which when."""
        decided = self.agree + self.against
        if self.pairs == 0:
            return NOT_TESTABLE
        if decided == 0 or 2 * decided < self.pairs:
            return "undecided"
        share = self.agree / decided
        return "supported" if share >= 0.9 else "mixed" if share > 0.5 else "contradicted"

    def __str__(self) -> str:
        left = self.pairs - self.agree - self.against
        return f"{self.agree} of {self.pairs}" + (f", {left} open" if left else "")


@dataclass(frozen=True)
class Judgement:
    """What became of a claim: for each of its metrics, the count of pairs."""

    claim: Claim
    counts: dict[str, Count]

    @property
    def verdict(self) -> str:
        """The worst verdict of the metrics that can be tested."""
        verdicts = {each.verdict for each in self.counts.values()} - {NOT_TESTABLE}
        return max(verdicts, key=VERDICTS.index, default=NOT_TESTABLE)

    @property
    def evidence(self) -> str:
        """The counts, such as ``Accuracy 20 of 20; AUSE 17 of 20, 2 open``."""
        known = {metric: each for metric, each in self.counts.items() if each.pairs}
        if len(self.counts) == 1:
            return "".join(map(str, known.values()))
        return "; ".join(f"{display(metric)} {each}" for metric, each in known.items())


def judge(frame: pd.DataFrame, claims: Sequence[Claim] = CLAIMS) -> list[Judgement]:
    """Put claims to a tidy frame."""
    once, each_pruner = _with_changes(scored(frame)), _with_changes(shown(frame))
    judgements = []
    for claim in claims:
        # Every pruner begins at the unpruned network; elsewhere that is a network like another.
        found = _pairs(each_pruner if claim.between == "sparsity" else once, claim)
        counts = {metric: _count(found, metric, what) for metric, what in claim.expected.items()}
        judgements.append(Judgement(claim, counts))
    return judgements


def beside_published(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each combination and metric that the paper prints as well.

    The columns are dataset, architecture, pruner, sparsity, uncertainty, metric, value, low, high,
    parameters, published, published_parameters and difference (own minus printed).
    """
    keys = [*KEYS, "metric"]
    own = frame[frame["default"] & (frame["member"] == 0) & frame["metric"].isin(METRICS)]
    printed = as_a_study(published()).rename(
        columns={"value": "published", "parameters": "published_parameters"}
    )
    both = own[[*keys, "value", "low", "high", "parameters"]].merge(
        printed[[*keys, "published", "published_parameters"]], on=keys
    )
    return both.assign(difference=both["value"] - both["published"])


def as_a_study(printed: pd.DataFrame) -> pd.DataFrame:
    """The paper's tables with each unpruned network once, as a study's frame has it."""
    pruner = printed["pruner"].where(printed["sparsity"] > 0, UNPRUNED)
    return printed.assign(pruner=pruner).drop_duplicates([*KEYS, "metric"], ignore_index=True)


def tables(frame: pd.DataFrame) -> list[Table]:
    """The claims, if any is testable, and what there is of networks that the paper has."""
    here, both = judge(frame), beside_published(frame)
    found = []
    if any(judgement.verdict != NOT_TESTABLE for judgement in here):
        found.append(claims_table(here, judge(as_a_study(published()))))
    if not both.empty:
        found.append(rank_table(both))
    return found + [value_table(rows) for _, rows in both.groupby(NETWORK, sort=False)]


def report(found: Sequence[Table]) -> str:
    """The tables of :func:`tables` on a page, after what is to be known of them."""
    return "\n\n".join([READING, *(f"### {table.name}\n\n{table.markdown()}" for table in found)])


def claims_table(here: Sequence[Judgement], paper: Sequence[Judgement]) -> Table:
    """Every claim's verdict here and in the paper's own tables, with the counts behind them."""
    rows = [
        [own.claim.section, own.claim.text, own.verdict, own.evidence, its.verdict, its.evidence]
        for own, its in zip(here, paper, strict=True)
    ]
    numbers = [
        {"section": own.claim.section, "claim": own.claim.text, "metric": metric, "expected": what}
        | vars(own.counts[metric])
        | {f"published_{name}": value for name, value in vars(its.counts[metric]).items()}
        for own, its in zip(here, paper, strict=True)
        for metric, what in own.claim.expected.items()
    ]
    header = ["Section", "Claim", "Here", "Pairs", "In the paper's tables", "Pairs"]
    caption = "The paper's claims: verdicts, and how many pairs of networks do as claimed."
    return Table("claims", caption, header, rows, pd.DataFrame(numbers), labels=len(header))


def rank_table(both: pd.DataFrame) -> Table:
    """Whether own values order the networks as the paper's do."""
    keys = [*NETWORK, "uncertainty"]
    found = both.groupby([*keys, "metric"], sort=False)[["value", "published"]]
    correlations = found.corr(method="spearman").iloc[::2, 1].droplevel(-1)
    numbers = pd.DataFrame({"correlation": correlations, "networks": found.size()}).reset_index()
    rows = []
    for names, group in numbers.groupby(keys, sort=False):
        values = group.set_index("metric")["correlation"].reindex(list(METRICS))
        cells = [MISSING if np.isnan(value) else f"{value:.2f}" for value in values]
        rows.append([*map(_display, names), str(group["networks"].max()), *cells])
    header = [*map(str.capitalize, keys), "Networks", *map(display, METRICS)]
    caption = "Spearman's rank correlation of own and printed values, over pruners × sparsities."
    return Table("ranks", caption, header, rows, numbers, labels=3)


def value_table(both: pd.DataFrame) -> Table:
    """Own values and the paper's, of one data set and architecture."""
    dataset, architecture = both[NETWORK].iloc[0]
    labels = ["pruner", "uncertainty", "sparsity"]
    rows = []
    for (pruner, uncertainty, sparsity), group in both.groupby(labels, sort=False):
        row = [_display(pruner), _display(uncertainty), f"{sparsity:g}"]
        for metric in METRICS:
            row += _cells(group[group["metric"] == metric].iloc[0])
        rows.append(row)
    header = list(map(str.capitalize, labels))
    for metric in METRICS:
        header += [display(metric), "Paper"]
    own, printed = (both[column].max() for column in ("parameters", "published_parameters"))
    known = "" if np.isnan(printed) else f", {printed / 1e6:.2f} million in the paper"
    caption = (
        f"{display(dataset)}, {display(architecture)}: own values with 95 % intervals, then the "
        "paper's with own minus paper's, and a * where the paper's lies outside the interval. The "
        f"unpruned network has {own / 1e6:.2f} million parameters here{known}."
    )
    return Table(stem(dataset, architecture, "published"), caption, header, rows, both, labels=3)


def _display(name: Hashable) -> str:
    return display(str(name))


def _cells(row: "pd.Series[Any]") -> list[str]:
    value, low, high, paper = row[["value", "low", "high", "published"]]
    if np.isnan(value):
        return [MISSING, f"{paper:.4f}"]
    interval = "" if np.isnan(low) else f" [{low:.4f}, {high:.4f}]"
    mark = "*" if paper < low or paper > high else ""
    return [f"{value:.4f}{interval}", f"{paper:.4f} ({row['difference']:+.4f}){mark}"]


def _with_changes(wide: pd.DataFrame) -> pd.DataFrame:
    """Networks with their step of sparsity, and by how much pruning has changed each metric."""
    group = [*NETWORK, "uncertainty"]
    unpruned = wide[wide["sparsity"] == 0].drop_duplicates(group)
    # The unpruned network of each row, in the order of the rows.
    origin = wide[group].merge(unpruned, on=group, how="left")
    columns: dict[str, Any] = {"step": wide.groupby(NETWORK)["sparsity"].rank("dense") - 1}
    for metric in METRICS:
        before, after = Estimate.of(origin, metric), Estimate.of(wide, metric)
        columns |= after.columns(metric)
        columns |= abs(after - before).columns(f"{metric}_change")
        columns |= abs(after.log() - before.log()).columns(f"{metric}_ratio")
    return wide[[*KEYS, "parameters"]].assign(**columns)


def _pairs(networks: pd.DataFrame, claim: Claim) -> pd.DataFrame:
    """The pairs of networks that a claim speaks of, one a row."""
    same = [key for key in KEYS if key not in claim.between.split()]
    found = networks.merge(networks, on=same, suffixes=("_a", "_b"))
    return found.query(" and ".join(f"({each})" for each in claim.where), engine="python")


def _count(found: pd.DataFrame, metric: str, expected: str) -> Count:
    """How many pairs do what is expected of a metric, and how many do the opposite."""
    before, after = (Estimate.of(found, metric, side) for side in ("_a", "_b"))
    change = after - before
    match expected:
        case "falls":
            signs = -change.sign
        case "rises":
            signs = change.sign
        case _:
            signs = (Estimate.of(found, f"{metric}_change", "_a") - abs(change)).sign
    known = ~np.isnan(change.value)
    return Count(int(known.sum()), int((signs > 0).sum()), int((signs < 0).sum()))
