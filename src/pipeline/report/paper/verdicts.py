"""Whether a study's numbers bear out the paper's claims.

    >>> frame, resamples = results.tidy(scores), results.read_resamples(scores)
    >>> for judgement in judge(frame, resamples): print(judgement.claim.text, judgement.verdict)

A verdict counts pairs of networks (see `claims`). Two networks are compared in pairs
of resamples: both were judged on the same draws of the test images, so what makes an image hard for
either cancels out of their difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.report.names import UNPRUNED, display
from pipeline.report.paper.beside import METRICS, NETWORK
from pipeline.report.paper.claims import CLAIMS, Claim
from pipeline.report.results import KEYS, SHOWN, Resamples, shown, wide
from pipeline.study import REPEATS

NOT_TESTABLE = "not testable here"
VERDICTS = ("supported", "undecided", "mixed", "contradicted")

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Estimate:
    """Values [N] and what they are on resamples of the images [N, R].

    A value that was not resampled stands in for its resamples, so that all it differs in counts.
    """

    value: Values
    resampled: Values

    @classmethod
    def of(
        cls, networks: pd.DataFrame, metric: str, resamples: Mapping[tuple[Any, ...], Any]
    ) -> "Estimate":
        """A metric of every network that is shown, such as member 0 of several."""
        value = networks[metric].to_numpy(dtype=float)
        found = [
            resamples.get(names, {}).get(metric)
            for names in networks.assign(**REPEATS)[KEYS].itertuples(index=False, name=None)
        ]
        count = max((len(each) for each in found if each is not None), default=1)
        resampled = np.repeat(value[:, None], count, axis=1)
        for row, each in zip(resampled, found, strict=True):
            if each is not None:
                row[:] = each
        return cls(value, resampled)

    def __getitem__(self, rows: NDArray[np.integer]) -> "Estimate":
        return Estimate(self.value[rows], self.resampled[rows])

    def __sub__(self, other: "Estimate") -> "Estimate":
        """The paired difference."""
        return Estimate(self.value - other.value, self.resampled - other.resampled)

    def __abs__(self) -> "Estimate":
        return Estimate(np.abs(self.value), np.abs(self.resampled))

    def log(self) -> "Estimate":
        """The logarithm of values that are not negative."""
        tiny = np.finfo(float).tiny
        return Estimate(*(np.log(np.maximum(part, tiny)) for part in vars(self).values()))

    @property
    def sign(self) -> NDArray[np.int64]:
        """1 where the whole 95 % interval is above 0, -1 where it is below, 0 where it holds 0."""
        low, high = np.quantile(self.resampled, [0.025, 0.975], axis=1)
        sign: NDArray[np.int64] = (low > 0).astype(np.int64) - (high < 0)
        return sign


@dataclass(frozen=True)
class Networks:
    """Networks, one a row, and their metrics and what pruning changed of these, row by row."""

    frame: pd.DataFrame
    estimates: dict[str, Estimate]

    @classmethod
    def of(cls, networks: pd.DataFrame, resamples: Resamples) -> "Networks":
        """The networks of `results.wide` or `results.shown`."""
        group = [*NETWORK, "uncertainty"]
        # The place of each row's unpruned network, which `shown` has under every pruner's name.
        origins = networks.reset_index(drop=True).reset_index(names="origin")
        origins = origins[origins["sparsity"] == 0].drop_duplicates(group)
        origin = networks[group].merge(origins[[*group, "origin"]], on=group, how="left")["origin"]
        if origin.isna().any():
            names = " ".join(networks.loc[origin.isna().to_numpy(), group].iloc[0])
            raise PipelineError(f"there is no unpruned network of {names} to compare with")
        # It was resampled once, under the name that it has there.
        named = networks.assign(pruner=networks["pruner"].where(networks["sparsity"] > 0, UNPRUNED))

        estimates = {"parameters": Estimate.of(named, "parameters", {})}
        for metric in METRICS:
            after = Estimate.of(named, metric, resamples)
            before = after[origin.to_numpy()]
            estimates |= {
                metric: after,
                f"{metric}_change": abs(after - before),
                f"{metric}_ratio": abs(after.log() - before.log()),
            }
        step = networks.groupby(NETWORK)["sparsity"].rank("dense") - 1
        frame = networks[[*SHOWN, *METRICS]].assign(step=step, row=np.arange(len(networks)))
        return cls(frame, estimates)

    def pairs(self, claim: Claim) -> pd.DataFrame:
        """The pairs of networks that a claim speaks of, one a row."""
        same = [key for key in SHOWN if key not in claim.between.split()]
        found = self.frame.merge(self.frame, on=same, suffixes=("_a", "_b"))
        return found.query(" and ".join(f"({each})" for each in claim.where), engine="python")

    def count(self, pairs: pd.DataFrame, metric: str, expected: str) -> "Count":
        """How many pairs do what is expected of a metric, and how many do the opposite."""
        first, second = (pairs[f"row_{side}"].to_numpy() for side in "ab")
        change = self.estimates[metric][second] - self.estimates[metric][first]
        match expected:
            case "falls":
                signs = -change.sign
            case "rises":
                signs = change.sign
            case _:
                signs = (self.estimates[f"{metric}_change"][first] - abs(change)).sign
        known = ~np.isnan(change.value)
        return Count(int(known.sum()), int((signs > 0).sum()), int((signs < 0).sum()))


@dataclass(frozen=True)
class Count:
    """Of so many pairs, so many do as claimed and so many the opposite; the others are open."""

    pairs: int
    agree: int
    against: int

    @property
    def verdict(self) -> str:
        """One of VERDICTS, or NOT_TESTABLE; `comparison.READING_CLAIMS` says which when."""
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
        return "; ".join(f"{display(metric, 'metric')} {each}" for metric, each in known.items())


def judge(
    frame: pd.DataFrame, resamples: Resamples | None = None, claims: Sequence[Claim] = CLAIMS
) -> list[Judgement]:
    """Put claims to a tidy frame; without resamples every difference counts."""
    # Every pruner begins at the unpruned network; elsewhere that is a network like another.
    each_pruner = Networks.of(shown(frame), resamples or {})
    once = Networks.of(wide(frame), resamples or {})
    judgements = []
    for claim in claims:
        networks = each_pruner if claim.between == "sparsity" else once
        pairs = networks.pairs(claim)
        counts = {m: networks.count(pairs, m, what) for m, what in claim.expected.items()}
        judgements.append(Judgement(claim, counts))
    return judgements
