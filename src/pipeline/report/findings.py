"""What a study found, in sentences that follow from its numbers alone.

    >>> found = find(view)
    >>> for each in found.answers: print(each.text, each.link)

A sentence says that there is a difference only where that is more than chance: p ≤ .05 after Holm's
correction over the family of comparisons that it belongs to (see `comparisons`). What is not shown
is called undecided, not absent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.report import comparisons, phrases, scope
from pipeline.report.comparisons import METHODS, PRUNERS, PRUNING, Family
from pipeline.report.measured import Comparison
from pipeline.report.names import display
from pipeline.report.phrases import bare, counted, lead, listed, tally, the
from pipeline.report.ranking import BETTER, UNDECIDED, WORSE, ranking_state
from pipeline.report.results import wide
from pipeline.report.view import PARTS, View, stem

TOPICS = {
    PRUNING: "What does pruning cost?",
    PRUNERS: "Does it matter which pruner?",
    METHODS: "Which uncertainty method is best?",
}
CHANCE = "Does the uncertainty find the errors?"


@dataclass(frozen=True)
class Finding:
    """A sentence with its evidence.

    Attributes:
        topic: the question that it answers.
        text: what was found.
        evidence: the differences it rests on, each with its interval, p-value and trainings.
        link: the name of the figure or table that shows it.
    """

    topic: str
    text: str
    evidence: tuple[str, ...]
    link: str


@dataclass(frozen=True)
class Topic:
    """A question with its answers."""

    title: str
    answers: tuple[Finding, ...]


@dataclass(frozen=True)
class Findings:
    """What a study is, how far its findings hold, what they are, and what it cannot say."""

    summary: str
    caution: str
    answers: tuple[Finding, ...]
    limits: tuple[str, ...]
    families: tuple[Family, ...]

    @property
    def topics(self) -> list[Topic]:
        """The answers by their question."""
        names = dict.fromkeys(each.topic for each in self.answers)
        return [Topic(n, tuple(e for e in self.answers if e.topic == n)) for n in names]


def find(view: View) -> Findings:
    """The findings of a whole study."""
    families = comparisons.compare(view)
    answers: list[Finding] = []
    for family in families:
        say = {PRUNING: _pruning, PRUNERS: _pruners, METHODS: _methods}[family.name]
        for metric in dict.fromkeys(each.metric for each in family.comparisons):
            answers += say(family, family.of(metric))
    chance = list(_chance(view))
    return Findings(
        scope.summary(view),
        scope.caution(view),
        (*answers, *chance),
        tuple(scope.limits(view, families)),
        tuple(families),
    )


def _pruning(family: Family, found: Sequence[Comparison]) -> Iterator[Finding]:
    """What pruning to the largest sparsity changes in one metric, and to the smallest."""
    sparsities = sorted({each.first for each in found})
    last = [each for each in found if each.first == sparsities[-1]]
    name = the(last[0].metric)
    subject = f"After pruning to sparsity {sparsities[-1]:g}, "
    if len(last) == 1:
        text = subject + phrases.single(last[0])
    else:
        text = subject + f"{name} is {tally(last)}."
        if len(sparsities) > 1:
            first = [each for each in found if each.first == sparsities[0]]
            text += f" At the smallest sparsity, {sparsities[0]:g}, it is {tally(first)}."
    shown = phrases.extremes(last)
    link = stem(shown[0].where["dataset"], "over-sparsity")
    yield Finding(TOPICS[family.name], text, tuple(map(phrases.evidence, shown)), link)


def _pruners(family: Family, found: Sequence[Comparison]) -> Iterator[Finding]:
    """Whether it matters for one metric which pruner is taken, and whether random is beaten."""
    name = the(found[0].metric)
    different = [each for each in found if each.better]
    widest = max(different or found, key=lambda each: abs(each.effect.value))
    pairs = counted(len(found), "pair")
    if different:
        text = (
            f"In {bare(found[0].metric)}, {len(different)} of {pairs} of pruners are apart by more "
            f"than chance; farthest: {lead(widest)}."
        )
    else:
        undecided = phrases.still_open(found)
        text = f"No difference between pruners is shown in {name}: of {pairs}, {undecided}."
    chance = [each for each in found if "random" in (each.first, each.second)]
    if chance and different:
        # Of a pair, the other pruner counts, whichever side it is on.
        sides = [each.better * (1 if each.second == "random" else -1) for each in chance]
        counts = zip(("better", "worse", "undecided"), (1, -1, 0), strict=True)
        shares = [f"{word} in {sides.count(side)}" for word, side in counts if side in sides]
        text += (
            " Against a random choice of channels, the other pruners are "
            f"{listed(shares)} of {counted(len(chance), 'comparison')}."
        )
    link = stem(*widest.where.values(), "accuracy-over-metrics")
    yield Finding(TOPICS[family.name], text, (phrases.evidence(widest),), link)


def _methods(family: Family, found: Sequence[Comparison]) -> Iterator[Finding]:
    """Which uncertainty method is best by one metric."""
    name = the(found[0].metric)
    different = [each for each in found if each.better]
    networks = {tuple(each.where.values()) for each in found}
    wins = _wins(found)
    pairs = counted(len(found), "pair")
    if wins:
        best = max(wins, key=lambda one: len(wins[one]))
        where = "" if len(networks) == 1 else f" on {len(wins[best])} of {len(networks)} networks"
        own = [each for each in different
               if tuple(each.where.values()) in wins[best]
               and best in (each.first, each.second)]  # fmt: skip
        shown = min(own, key=lambda each: abs(each.effect.value))
        text = (
            f"By {bare(found[0].metric)}, {display(best, 'uncertainty')} is the best uncertainty "
            f"method{where}. Its smallest lead: {lead(shown)}."
        )
    elif different:
        shown = max(different, key=lambda each: abs(each.effect.value))
        text = (
            f"By {bare(found[0].metric)}, no uncertainty method is better than all others; "
            f"{len(different)} of {pairs} differ by more than chance. "
            f"Farthest apart: {lead(shown)}."
        )
    else:
        shown = max(found, key=lambda each: abs(each.effect.value))
        text = (
            f"No difference between uncertainty methods is shown in {name}: of {pairs}, "
            f"{phrases.still_open(found)}."
        )
    link = stem(*shown.where.values(), "accuracy-over-metrics")
    yield Finding(TOPICS[family.name], text, (phrases.evidence(shown),), link)


def _wins(found: Sequence[Comparison]) -> dict[str, set[tuple[str, ...]]]:
    """The networks on which a method is better than each other one, by method."""
    sides: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for each in found:
        place = tuple(each.where.values())
        sides.setdefault((each.first, place), []).append(each.better)
        sides.setdefault((each.second, place), []).append(-each.better)
    wins: dict[str, set[tuple[str, ...]]] = {}
    for (method, place), own in sides.items():
        if all(side == 1 for side in own):
            wins.setdefault(method, set()).add(place)
    return wins


def _chance(view: View) -> Iterator[Finding]:
    """How often the uncertainty ranks the images better than chance, by method."""
    once = wide(view.rows)
    if "ause_over_random" not in once or once["ause_over_random"].isna().all():
        return
    once = once[once["ause_over_random"].notna()]
    states = [ranking_state(point) for point in once.to_dict("records")]
    methods = once["uncertainty"].to_numpy()
    if not set(states) & {BETTER, UNDECIDED}:
        below = sum(state != WORSE for state in states)
        text = (
            f"In {below} of {counted(len(states), 'combination')} the AUSE is below that of a "
            "random order of the images; without intervals it is not known whether by chance."
        )
    else:
        text = (
            "The uncertainty ranks the images better than chance, so that it finds errors, in "
            f"{states.count(BETTER)} of {counted(len(states), 'combination')}; in "
            f"{states.count(WORSE)} it does not, in {states.count(UNDECIDED)} it is undecided."
        )
    by_method = pd.crosstab(methods, np.array(states)).reindex(pd.unique(methods))
    evidence = tuple(
        f"{display(str(method), 'uncertainty')}: "
        + ", ".join(f"{count} {state}" for state, count in row.items() if count)
        for method, row in by_method.iterrows()
    )
    first = once[list(PARTS)].iloc[0]
    yield Finding(CHANCE, text, evidence, stem(*first, "ause-over-random"))


def corrections(families: Sequence[Family]) -> str:
    """How the p-values were corrected, in one paragraph."""
    named = "; ".join(f"{each.title} ({counted(each.tested, 'test')})" for each in families)
    return (
        "How to read it: a *case* is one network with one uncertainty method; where it is pruned, "
        "its value is the mean over the pruners. Both sides of a difference are judged on the same "
        "resamples of the test images. *Higher*, *lower*, *better* and *worse* are said of what is "
        "more than chance, that is, has p ≤ .05 after Holm's correction over its family, and "
        "*undecided* of all else that was tested. The p-values follow from the standard errors of "
        f"these differences. The families, in which all metrics of all networks are: {named}. Of "
        "two ECEs the debiased ones are compared, with the uncertainty of ensembles and MC dropout "
        "scaled between its 5 % and 95 % quantiles."
    )


def markdown(found: Findings, links: Mapping[str, str]) -> str:
    """The findings as a part of a Markdown page; `links` says where what shows them is."""
    lines = ["## What this study found", "", found.summary, "", found.caution]
    for topic in found.topics:
        lines += ["", f"### {topic.title}", ""]
        for each in topic.answers:
            link = f" [Shown here]({links[each.link]})." if each.link in links else ""
            lines.append(f"- {each.text}{link}")
            lines += [f"  - {evidence}" for evidence in each.evidence]
    if found.families:
        lines += ["", corrections(found.families)]
    lines += ["", "### What it cannot say", "", *(f"- {limit}" for limit in found.limits)]
    return "\n".join(lines)
