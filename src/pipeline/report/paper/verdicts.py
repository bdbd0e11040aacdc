"""Whether a study's numbers bear out the paper's claims.

    >>> frame, resamples = results.tidy(scores), results.read_resamples(scores)
    >>> for judgement in judge(frame, resamples): print(judgement.claim.text, judgement.verdict)

A verdict counts pairs of networks (see `claims`). What is compared of them, and when a difference
is more than chance, is in `estimate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.errors import PipelineError
from pipeline.report.names import UNPRUNED, display
from pipeline.report.paper.beside import METRICS, NETWORK
from pipeline.report.paper.claims import CLAIMS, Claim
from pipeline.report.paper.estimate import ECE, Estimate
from pipeline.report.replicates import REPLICATE, Resamples, count
from pipeline.report.results import SHOWN, shown, wide

NOT_TESTABLE = "not testable here"
VERDICTS = ("supported", "undecided", "mixed", "contradicted")


@dataclass(frozen=True)
class Networks:
    """Networks, one a row, and their metrics and what pruning changed of these, row by row."""

    frame: pd.DataFrame
    estimates: dict[str, Estimate]

    @classmethod
    def of(
        cls, networks: pd.DataFrame, replicates: Sequence[pd.DataFrame], resamples: Resamples
    ) -> "Networks":
        """The networks of `results.wide` or `results.shown`, means and each replicate's."""
        group = [*NETWORK, "uncertainty"]
        # The place of each row's unpruned network, which `shown` has under every pruner's name.
        origins = networks.reset_index(drop=True).reset_index(names="origin")
        origins = origins[origins["sparsity"] == 0].drop_duplicates(group)
        origin = networks[group].merge(origins[[*group, "origin"]], on=group, how="left")["origin"]
        if origin.isna().any():
            names = " ".join(networks.loc[origin.isna().to_numpy(), group].iloc[0])
            raise PipelineError(f"there is no unpruned network of {names} to compare with")
        # It was resampled once, under the name that it has there.
        named = [
            each.assign(pruner=each["pruner"].where(each["sparsity"] > 0, UNPRUNED))
            for each in replicates
        ]

        # All pruners at one sparsity, and all sparsities of one pruner.
        alike = networks.groupby([*group, "sparsity"], sort=False).ngroup().to_numpy()
        line = networks.groupby([*group, "pruner"], sort=False).ngroup().to_numpy()
        sparse = (networks["sparsity"] > 0).to_numpy()

        estimates = {"parameters": Estimate.of(named, "parameters", {})}
        for metric in METRICS:
            after = Estimate.of(named, metric, resamples)
            before = after[origin.to_numpy()]
            change = abs(after - before)
            estimates |= {
                metric: after,
                f"{metric}_change": change,
                f"{metric}_tolerance": change.mean_of(alike),
                f"{metric}_range": after.range_of(line, sparse),
                f"{metric}_ratio": abs(after.log() - before.log()),
            }
        step = networks.groupby(NETWORK)["sparsity"].rank("dense") - 1
        last = step == step.groupby([networks[key] for key in NETWORK]).transform("max")
        frame = networks[[*SHOWN, *METRICS]].assign(
            step=step, last=last, row=np.arange(len(networks))
        )
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
                tolerance = self.estimates[f"{metric}_tolerance"]
                # Whichever of the two is called the first: half of what both are allowed.
                twice = tolerance[first] + tolerance[second] - abs(change) - abs(change)
                signs = twice.sign
        known = ~np.isnan(change.value).any(axis=1)
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
    frame: pd.DataFrame,
    resamples: Resamples | None = None,
    claims: Sequence[Claim] = CLAIMS,
    *,
    ece_frame: pd.DataFrame | None = None,
) -> list[Judgement]:
    """Put claims to a tidy frame; without resamples every difference counts.

    Args:
        frame: as `results.tidy` gives it.
        resamples: as `results.read_resamples` gives them.
        claims: to be put.
        ece_frame: for the ECE, where other accuracies stand beside it, as in the paper.
    """
    found = _Kinds.of(frame, resamples or {})
    of_ece = found if ece_frame is None else _Kinds.of(ece_frame, resamples or {})
    judgements = []
    for claim in claims:
        pairs: dict[int, pd.DataFrame] = {}
        counts = {}
        for metric, expected in claim.expected.items():
            networks = (of_ece if metric.startswith(ECE) else found).asked(claim)
            if id(networks) not in pairs:
                pairs[id(networks)] = networks.pairs(claim)
            counts[metric] = networks.count(pairs[id(networks)], metric, expected)
        judgements.append(Judgement(claim, counts))
    return judgements


@dataclass(frozen=True)
class _Kinds:
    """Networks for claims about sparsities, where every pruner begins at the unpruned one, and for
    all other claims, where that is a network like another.
    """

    each_pruner: Networks
    once: Networks

    @classmethod
    def of(cls, frame: pd.DataFrame, resamples: Resamples) -> "_Kinds":
        replicates = [
            frame[frame[REPLICATE] == each].assign(**{REPLICATE: 0}) for each in range(count(frame))
        ]
        found = []
        for form in shown, wide:
            means = form(frame)
            at = pd.MultiIndex.from_frame(means[SHOWN])
            each = [means]
            if len(replicates) > 1:
                # Row by row the same networks.
                each = [
                    form(rows).set_index(SHOWN).reindex(at).reset_index() for rows in replicates
                ]
            found.append(Networks.of(means, each, resamples))
        return cls(*found)

    def asked(self, claim: Claim) -> Networks:
        return self.each_pruner if claim.between == "sparsity" else self.once
