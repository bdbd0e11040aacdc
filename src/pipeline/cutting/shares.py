"""How many channels each group loses.

    shares = Shares(groups, scores, options)
    shares.of_channels(0.4)          # so many from each group
    shares.steps, shares.at(step)    # all that can be chosen, from nothing to as much as is allowed

A step never takes a channel back that one before it removed.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pipeline.cutting.coupling import Group
from pipeline.cutting.global_scope import SHARE_THAT_STAYS, largest, removed_below_one_threshold
from pipeline.cutting.options import CutOptions
from pipeline.errors import PipelineError


def pruned_channels(channels: int, sparsity: float) -> int:
    """How many of a convolution's output channels a sparsity in [0, 1) removes (paper, Eq. 1).

    Rounding down is what gives the parameter counts of the paper's Table 1.
    """
    return math.floor(channels * sparsity + 1e-9)


@dataclass(frozen=True)
class Shares:
    """The numbers of channels that the groups of a network may lose.

    Attributes:
        groups: The groups of convolutions.
        scores: The scores [C] of each group's channels, which count in global scope.
        options: Which layers may lose how much.
    """

    groups: Sequence[Group]
    scores: Sequence[npt.NDArray[np.float64]]
    options: CutOptions

    def of_channels(self, sparsity: float) -> list[int]:
        """The numbers for a share of the channels: of each layer's, or of all that may go.

        Raises:
            PipelineError: the cap on each layer is below it.
        """
        if self.options.scope == "global":
            free = sum(len(self.scores[place]) for place in self.free)
            return self._below_threshold(pruned_channels(free, sparsity))
        if sparsity > self.options.max_sparsity:
            raise PipelineError(
                f"a sparsity of {sparsity:g} is above max_sparsity {self.options.max_sparsity:g}; "
                "lower it, or use scope: global or target: macs"
            )
        return self._alike(sparsity)

    @cached_property
    def steps(self) -> int:
        """How many choices there are, that of nothing included."""
        if self.options.scope == "global":
            return 1 + largest([self.scores[place] for place in self.free], self.keeps)
        return len(self._ratios)

    def at(self, step: int) -> list[int]:
        """The numbers at a step, which rise with it."""
        if self.options.scope == "global":
            return self._below_threshold(step)
        return self._alike(self._ratios[step])

    @cached_property
    def free(self) -> list[int]:
        """The groups that lose what the sparsity says."""
        return [place for place, share in enumerate(self._own) if share is None]

    @property
    def keeps(self) -> float:
        """The share of a layer that stays at least, in global scope."""
        return max(SHARE_THAT_STAYS, 1 - self.options.max_sparsity)

    @cached_property
    def _ratios(self) -> list[float]:
        widths = {self.groups[place].channels for place in self.free}
        ratios = {number / width for width in widths for number in range(width)}
        return sorted(each for each in ratios | {0.0} if each <= self.options.max_sparsity)

    def _alike(self, sparsity: float) -> list[int]:
        return [
            self._rounded(group, pruned_channels(group.channels, sparsity if own is None else own))
            for group, own in zip(self.groups, self._own, strict=True)
        ]

    def _below_threshold(self, number: int) -> list[int]:
        gone = self._alike(0.0)
        scores = [self.scores[place] for place in self.free]
        found = removed_below_one_threshold(scores, number, self.keeps)
        for place, each in zip(self.free, found, strict=True):
            gone[place] = self._rounded(self.groups[place], each)
        return gone

    def _rounded(self, group: Group, number: int) -> int:
        """At most so many that what stays is a multiple of what it must be one of."""
        step = math.lcm(self.options.round_to, group.blocks)
        stays = math.ceil((group.channels - number) / step) * step
        return max(0, group.channels - stays)

    @cached_property
    def _own(self) -> list[float | None]:
        """The share of each group that has one of its own."""
        shares = self.options.shares
        names = [name for group in self.groups for name in group.convolutions]
        _refuse_unknown("ignored", self.options.ignored, names)
        _refuse_unknown("layers", shares, names)
        found = []
        for group in self.groups:
            own = {
                (share, name)
                for pattern, share in [
                    *shares.items(),
                    *((each, 0.0) for each in self.options.ignored),
                ]
                for name in group.convolutions
                if fnmatchcase(name, pattern)
            }
            if len({share for share, _ in own}) > 1:
                (low, one), *_, (high, other) = sorted(own)
                raise PipelineError(
                    f"{one} is to lose {low:g} of its channels and {other} {high:g}, but they "
                    "are the same channels; give one share"
                )
            found.append(next((share for share, _ in own), None))
        return found


def _refuse_unknown(key: str, patterns: Collection[str], names: Sequence[str]) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            some = ", ".join(names[:4]) + (f", … ({len(names)} in all)" if len(names) > 4 else "")
            raise PipelineError(f"{key}: no convolution is called {pattern!r}; there are {some}")
