"""What the paper says, held against a study's numbers.

    >>> found = tables(results.tidy(scores), results.read_resamples(scores))
    >>> report(found)

The paper's claims can be put to any study (see `verdicts`). Its values stand beside those of the
networks that both have (see `beside`).
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.names import display
from pipeline.report.paper.beside import (
    METRICS,
    NETWORK,
    as_a_study,
    beside_published,
    beside_published_definitions,
)
from pipeline.report.paper.claims import CLAIMS
from pipeline.report.paper.printed import published
from pipeline.report.paper.verdicts import NOT_TESTABLE, Count, Judgement, judge
from pipeline.report.replicates import Resamples, averaged, count, verdicts
from pipeline.report.table import MISSING, Table, number
from pipeline.report.view import stem

READING_CLAIMS = """## The paper's claims

Each claim of the paper is read as a statement about pairs of networks, such as one network at two
neighbouring sparsities, and its verdict counts the pairs that do as claimed. What the paper says of
CIFAR-100 is asked of any data set but ImageNet. Of the pairs that are not *open*, at least nine in
ten do as claimed where a claim is *supported*, and at most half where it is *contradicted*; between
these it is *mixed*, and *undecided* where most pairs are open. Two networks are *alike* where they
differ by less than pruning has changed networks like them, on average over the pruners at their
sparsities. Where a claim is about several metrics, its verdict is the worst of theirs. Exceptions
that the paper itself makes are left out of a claim; *our reading* marks what it does not say how to
compare. The paper prints no intervals, and one training of each network: in its tables only equal
values are open, and whether a difference is more than chance cannot be told."""

PAIRING = """A pair is open where the 95 % interval of its difference holds 0. The comparison is
paired: both networks are judged on the same resamples of the test images, and the interval is that
of the difference, resample by resample. Whether the two networks' own intervals overlap is not the
question: images that are hard are hard for both, so their difference is known better than either
value, and networks whose intervals overlap can still differ. Of two ECEs the debiased ones are
compared, since the plain ECE is too high by an amount that depends on the accuracy; for ensembles
and MC dropout with the uncertainty scaled between its 5 % and 95 % quantiles, since the ECE of the
tables, scaled to the most and the least uncertain image, is only known at the scale of these
images.

The column of the paper's tables judges the networks that this study has as well: the same
architectures, pruners, sparsities and uncertainty methods, so that a step of sparsity is the same
step in both.

What the verdicts cannot say:

- {trainings}
- How sure a verdict is. Of pairs without any difference one in twenty is decided by chance, and
  pairs share networks, so their number is no measure of significance.
- Anything about other networks, recipes and data sets than this study's."""


def tables(frame: pd.DataFrame, resamples: Resamples | None = None) -> list[Table]:
    """The claims, if any is testable, and what there is of networks that the paper has."""
    means = averaged(frame, resamples)
    here, both = judge(frame, resamples), beside_published(means)
    found = []
    if any(judgement.verdict != NOT_TESTABLE for judgement in here):
        found.append(claims_table(here, judge_paper(frame), count(frame)))
    definitions = beside_published_definitions(means)
    if not definitions.empty:
        found.append(definition_table(definitions))
    if not both.empty:
        found.append(rank_table(both))
    return found + [value_table(rows) for _, rows in both.groupby(NETWORK, sort=False)]


def judge_paper(study: pd.DataFrame | None = None) -> list[Judgement]:
    """What the paper's tables say of its claims: all of them, or of the networks of a study.

    Beside the ECE stand the accuracies that the paper prints with it.
    """
    both = [as_a_study(published(beside)) for beside in ("ause", "ece")]
    if study is not None:
        known = _named(study).drop_duplicates()
        both = [each[_named(each).merge(known, how="left", indicator=True)["_merge"]
                     .eq("both").to_numpy()] for each in both]  # fmt: skip
    if both[0].empty:
        return [Judgement(claim, dict.fromkeys(claim.expected, Count(0, 0, 0))) for claim in CLAIMS]
    return judge(both[0], ece_frame=both[1])


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """What the claims tell networks apart by: they ask of ImageNet, or of any other data set."""
    keys = ["architecture", "pruner", "sparsity", "uncertainty"]
    return frame[keys].assign(imagenet=frame["dataset"] == "imagenet").reset_index(drop=True)


def report(found: Sequence[Table], replicates: int = 1) -> str:
    """The tables of :func:`tables` on a page, after how to read them.

    Args:
        found: the tables.
        replicates: how many trainings of each network they rest on.
    """
    parts = [f"### {table.name}\n\n{table.markdown()}" for table in found]
    return "\n\n".join([READING_CLAIMS, PAIRING.format(trainings=verdicts(replicates)), *parts])


def claims_table(
    here: Sequence[Judgement], paper: Sequence[Judgement], replicates: int = 1
) -> Table:
    """Every claim's verdict here and in the paper's own tables, with the counts behind them."""
    rows = [
        [*_said(own), own.verdict, own.evidence, *_there(its)]
        for own, its in zip(here, paper, strict=True)
        if own.verdict != NOT_TESTABLE
    ]
    numbers = [
        {"section": own.claim.section, "claim": own.claim.text, "metric": metric, "expected": what}
        | vars(own.counts[metric])
        | {f"published_{name}": value for name, value in vars(its.counts[metric]).items()}
        for own, its in zip(here, paper, strict=True)
        for metric, what in own.claim.expected.items()
    ]
    header = ["Section", "Claim", "Here", "Pairs here", "In the paper's tables", "Pairs there"]
    caption = (
        "The paper's claims: in which section they stand, the verdicts, and how many pairs of "
        f"networks do as claimed. {len(here) - len(rows)} of {len(here)} claims are left out: this "
        "study has no such networks. Verdicts here rest on "
        f"{'one training' if replicates == 1 else f'{replicates} trainings'} of each network."
    )
    return Table("claims", caption, header, rows, pd.DataFrame(numbers), labels=len(header))


def _said(judgement: Judgement) -> list[str]:
    claim = judgement.claim
    return [f"{claim.section}, our reading" if claim.ours else claim.section, claim.text]


def _there(judgement: Judgement) -> list[str]:
    if judgement.verdict == NOT_TESTABLE:
        return ["not testable there", ""]
    return [judgement.verdict, judgement.evidence]


def published_claims() -> Table:
    """What the paper's own tables say of its claims."""
    found = judge_paper()
    rows = [[*_said(each), each.verdict, each.evidence] for each in found]
    numbers = [
        {"section": each.claim.section, "claim": each.claim.text, "metric": metric} | vars(count)
        for each in found
        for metric, count in each.counts.items()
    ]
    header = ["Section", "Claim", "In the paper's tables", "Pairs"]
    caption = (
        "The paper's claims: in which section they stand, the verdicts of its own tables, and how "
        "many pairs of networks do as claimed."
    )
    return Table("claims", caption, header, rows, pd.DataFrame(numbers), labels=len(header))


def definition_table(both: pd.DataFrame) -> Table:
    """Which variance comes nearer to the paper's numbers."""
    keys = [*NETWORK, "uncertainty"]
    shown = ("ause", "ause_over_random", "ece")
    rows = []
    for names, group in both.groupby(keys, sort=False):
        nearer = {m: (group[m] - group[f"published_{m}"]).abs().idxmin() for m in shown}
        accuracy = group[["published_accuracy", "accuracy"]].iloc[0]
        paper = [_cell(group[f"published_{metric}"].iloc[0]) for metric in shown]
        rows.append([*_names(keys, names), "the paper's", _cell(accuracy.iloc[0]), *paper])
        for index, record in group.iterrows():
            own = [
                _cell(record[metric]) + (" (nearer)" if nearer[metric] == index else "")
                for metric in shown
            ]
            definition = display(record["definition"], "definition")
            rows.append([*_names(keys, names), definition, _cell(accuracy.iloc[1]), *own])
    header = [*map(str.capitalize, keys), "Definition", *map(_metric, ("accuracy", *shown))]
    caption = (
        "Is the paper's uncertainty the variance of logits or of probabilities? It does not say. "
        "Here are its unpruned networks and this study's, with the nearer value marked. Both AUSE "
        "and ECE depend on the accuracy, so where accuracies differ much the mark says little; "
        "AUSE ÷ random (here for all in closed form, −a·ln a at the accuracy a) depends on it less."
    )
    return Table("published-definitions", caption, header, rows, both, labels=4)


def rank_table(both: pd.DataFrame) -> Table:
    """Whether own values order the networks as the paper's do, and the pruners at each sparsity."""
    keys, columns = [*NETWORK, "uncertainty", "metric"], ["value", "published"]
    numbers = []
    for names, group in both.groupby(keys, sort=False):
        pruned = group[group["sparsity"] > 0]
        within = pruned.groupby("sparsity")[columns]
        # From the mean of their sparsity, ranks tell the order of the pruners and nothing else.
        of_pruners = within.rank() - within.rank().groupby(pruned["sparsity"]).transform("mean")
        found = (_correlation(ranks) for ranks in (group[columns].rank(), of_pruners))
        numbers.append([*names, *found, len(group)])
    wide = pd.DataFrame(numbers, columns=[*keys, "correlation", "pruners_correlation", "networks"])
    rows = []
    for names, group in wide.groupby(keys[:-1], sort=False):
        by_metric = group.set_index("metric").reindex(list(METRICS))
        row = [*_names(keys, names), str(group["networks"].max())]
        for column in ("correlation", "pruners_correlation"):
            row += [_cell(value, 2) for value in by_metric[column]]
        rows.append(row)
    header = [*map(str.capitalize, keys[:-1]), "Networks", *map(_metric, METRICS)]
    header += [f"{_metric(metric)}, pruners" for metric in METRICS]
    caption = (
        "Spearman's rank correlation of own and printed values: first over all pruners and "
        "sparsities, where it is high if sparsity costs something in both; then of the pruners at "
        "the same sparsity, pooled over the sparsities, where it is 0 if their order is not the "
        "paper's at all."
    )
    return Table("ranks", caption, header, rows, wide, labels=3)


def value_table(both: pd.DataFrame) -> Table:
    """Own values and the paper's, of one data set and architecture."""
    dataset, architecture = both[NETWORK].iloc[0]
    labels = ["pruner", "uncertainty", "sparsity"]
    rows = []
    for (pruner, uncertainty, sparsity), group in both.groupby(labels, sort=False):
        row = [*_names(labels, (pruner, uncertainty)), f"{sparsity:g}"]
        for metric in METRICS:
            row += _cells(group[group["metric"] == metric].iloc[0])
        rows.append(row)
    header = list(map(str.capitalize, labels))
    for metric in METRICS:
        header += [_metric(metric), "Paper"]
    own, printed = (both[column].max() for column in ("parameters", "published_parameters"))
    known = "" if np.isnan(printed) else f", {printed / 1e6:.2f} million in the paper"
    network = ", ".join(_names(NETWORK, (dataset, architecture)))
    caption = (
        f"{network}: own values with 95 % intervals, then the "
        "paper's with own minus paper's, and a * where the paper's lies outside the interval. The "
        f"unpruned network has {own / 1e6:.2f} million parameters here{known}."
    )
    return Table(stem(dataset, architecture, "published"), caption, header, rows, both, labels=3)


def _correlation(ranks: pd.DataFrame) -> float:
    """Pearson's correlation of two columns, not a number where one of them is constant."""
    one, other = (ranks - ranks.mean()).to_numpy().T
    scale = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / scale) if scale > 0 else np.nan


def _names(columns: Sequence[str], names: Sequence[Hashable]) -> list[str]:
    return [display(str(name), column) for column, name in zip(columns, names, strict=False)]


def _metric(name: str) -> str:
    return display(name, "metric")


def _cell(value: float, decimals: int = 4) -> str:
    return number(value, decimals)


def _cells(row: "pd.Series[Any]") -> list[str]:
    value, low, high, paper = row[["value", "low", "high", "published"]]
    if np.isnan(value):
        return [MISSING, f"{paper:.4f}"]
    interval = "" if np.isnan(low) else f" [{low:.4f}, {high:.4f}]"
    mark = "*" if paper < low or paper > high else ""
    return [f"{value:.4f}{interval}", f"{paper:.4f} ({row['difference']:+.4f}){mark}"]
