"""Whether a study's numbers bear out the paper's claims.

    >>> frame, resamples = results.tidy(scores), results.read_resamples(scores)
    >>> for judgement in judge(frame, resamples): print(judgement.claim.text, judgement.verdict)

A verdict counts pairs of networks (see `claims`). Two networks are compared in pairs
of resamples: both were judged on the same draws of the test images, so what makes an image hard for
either cancels out of their difference.

Of two ECEs the debiased ones are compared, where there are any: the plain one is the higher the
lower the accuracy is, and a confidence that is scaled to the most and the least uncertain image is
only known at the scale of these images (see `metrics.clipped`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.metrics.debiased import Z
from pipeline.report import results
from pipeline.report.names import UNPRUNED, display
from pipeline.report.paper.beside import METRICS, NETWORK
from pipeline.report.paper.claims import CLAIMS, Claim
from pipeline.report.results import KEYS, SHOWN, Resamples, shown, wide
from pipeline.study import REPEATS

# What is compared where a claim speaks of the ECE.
ECE, COMPARED = "ece", "ece_clipped"
NOT_TESTABLE = "not testable here"
VERDICTS = ("supported", "undecided", "mixed", "contradicted")

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Estimate:
    """Values [N] and what they are on resamples of the images [N, R].

    A value that was not resampled stands in for its resamples, so that all it differs in counts.
    `shifted` says that resampling adds a bias, as it does to calibration errors.
    """

    value: Values
    resampled: Values
    shifted: bool = False

    @classmethod
    def of(
        cls, networks: pd.DataFrame, metric: str, resamples: Mapping[tuple[Any, ...], Any]
    ) -> "Estimate":
        """A metric of every network that is shown, such as member 0 of several."""
        names = [
            resamples.get(each, {})
            for each in networks.assign(**REPEATS)[KEYS].itertuples(index=False, name=None)
        ]
        shifted = metric == ECE and (
            any(COMPARED in each for each in names) or COMPARED in networks
        )
        key = COMPARED if shifted else metric
        value = networks[key if key in networks else metric].to_numpy(dtype=float, copy=True)
        found = [each.get(key) for each in names]
        count = max((len(each) for each in found if each is not None), default=1)
        resampled = np.repeat(value[:, None], count, axis=1)
        for row, (each, drawn) in enumerate(zip(names, found, strict=True)):
            if drawn is not None:
                resampled[row] = drawn
            value[row] = each.get(results.OWN + key, value[row])
        return cls(value, resampled, shifted)

    def __getitem__(self, rows: NDArray[np.integer]) -> "Estimate":
        return Estimate(self.value[rows], self.resampled[rows], self.shifted)

    def __sub__(self, other: "Estimate") -> "Estimate":
        """The paired difference."""
        return Estimate(self.value - other.value, self.resampled - other.resampled, self.shifted)

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value + other.value, self.resampled + other.resampled, self.shifted)

    def __abs__(self) -> "Estimate":
        return Estimate(np.abs(self.value), np.abs(self.resampled), self.shifted)

    def log(self) -> "Estimate":
        """The logarithm of values that are not negative."""
        tiny = np.finfo(float).tiny
        value, resampled = (np.log(np.maximum(each, tiny)) for each in (self.value, self.resampled))
        return Estimate(value, resampled, self.shifted)

    def mean_of(self, groups: NDArray[np.integer]) -> "Estimate":
        """In place of each row the mean over its group; what is missing is left out."""
        return self._by_group(groups, np.nanmean)

    def range_of(self, groups: NDArray[np.integer], where: NDArray[np.bool_]) -> "Estimate":
        """In place of each row the range of its group's rows where `where` says so."""
        return self._by_group(groups, np.ptp, where)

    def _by_group(
        self,
        groups: NDArray[np.integer],
        reduce: Callable[..., Any],
        where: NDArray[np.bool_] | None = None,
    ) -> "Estimate":
        both = np.column_stack([self.value, self.resampled])
        found = np.full_like(both, np.nan)
        for group in np.unique(groups):
            rows = groups == group
            members = both[rows if where is None else rows & where]
            if len(members) and not np.isnan(members).all(axis=0).any():
                found[rows] = reduce(members, axis=0)
        return Estimate(found[:, 0], found[:, 1:], self.shifted)

    @property
    def sign(self) -> NDArray[np.int64]:
        """1 where the whole 95 % interval is above 0, -1 where it is below, 0 where it holds 0."""
        if self.shifted:
            shift = self.resampled.mean(axis=1) - self.value
            reach = Z * self.resampled.std(axis=1)
            low = self.value - reach + np.minimum(shift, 0)
            high = self.value + reach + np.maximum(shift, 0)
        else:
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
        return cls(Networks.of(shown(frame), resamples), Networks.of(wide(frame), resamples))

    def asked(self, claim: Claim) -> Networks:
        return self.each_pruner if claim.between == "sparsity" else self.once
