"""What all criteria share: how much of a network goes, and which layers lose how much of it.

The fields are the options that a study may give every pruner that scores channels. The registry
reads them from this file, and planning imports it, so it imports no torch.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from pipeline.errors import PipelineError
from pipeline.registry import PRUNERS

CHOICES = {"scope": ("layer", "global"), "target": ("channels", "macs", "parameters")}


@dataclass(frozen=True)
class CutOptions:
    """Options of every criterion.

    Attributes:
        coupling: ``group``, or ``independent``, see :func:`pipeline.cutting.coupling.find_groups`.
        scope: ``layer``: every layer loses the same share of its channels; ``global``: one
            threshold holds for all scores of the network.
        recalibrate: Whether to measure the batch norms' statistics anew, on training images.
        target: What the sparsity is a share of: ``channels``; ``macs``, the network's
            multiply-accumulate operations; or ``parameters``. In the last two cases as few channels
            go as remove at least this share.
        round_to: Widths that are left are multiples of it, rounded up; a layer that has no such
            width below its own stays whole.
        ignored: Convolutions that lose nothing, and so do those that are coupled to them. Names, or
            patterns such as ``layer1.*``.
        layers: The share of channels that single convolutions lose, by names or patterns.
        max_sparsity: The largest share of its channels that any layer loses.

    Raises:
        PipelineError: a value is not allowed, or two of them contradict each other.
    """

    coupling: Literal["group", "independent"] = "group"
    scope: Literal["layer", "global"] = "layer"
    recalibrate: bool = False
    target: Literal["channels", "macs", "parameters"] = "channels"
    round_to: int = 1
    ignored: Collection[str] = ()
    layers: Mapping[str, float] | tuple[tuple[str, float], ...] = ()
    max_sparsity: Annotated[float, "at most 1"] = 1.0

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise PipelineError(f"unknown {name} {value!r}; known: {', '.join(known)}")
        if self.coupling == "independent":
            _refuse_unequal_summands(self)
        if self.round_to < 1:
            raise PipelineError(f"round_to: {self.round_to} is not at least 1")
        if not 0 < self.max_sparsity <= 1:
            raise PipelineError(f"max_sparsity: {self.max_sparsity} is not in (0, 1]")
        for name, share in self.shares.items():
            if not 0 <= share < 1:
                raise PipelineError(f"layers.{name}: {share} is not in [0, 1)")
            if share > self.max_sparsity:
                raise PipelineError(f"layers.{name}: {share} is above max_sparsity")

    @property
    def shares(self) -> dict[str, float]:
        """The share that single convolutions lose, by name or pattern."""
        return dict(self.layers)


NAMES = tuple(each.name for each in fields(CutOptions))


def split(pruner: str, options: Mapping[str, Any]) -> tuple[CutOptions, dict[str, Any]]:
    """The options that all criteria share, and a criterion's own, which may take their names.

    Args:
        pruner: The criterion's name.
        options: All that are given.

    Raises:
        PipelineError: as for :class:`CutOptions`; or the criterion or an option of its own makes
            sense in global scope only, as its constant ``NEEDS_GLOBAL`` says.
    """
    own = PRUNERS.own_options(pruner)
    shared = {name: options[name] for name in NAMES if name in options and name not in own}
    chosen = CutOptions(**shared)
    for name in PRUNERS.constant(pruner, "NEEDS_GLOBAL", ()):
        if chosen.scope != "global" and (name == pruner or name in options):
            raise PipelineError(
                f"{name} needs scope: global; in scope: layer it would change nothing"
                if name in options
                else f"{name} needs scope: global: its scores only compare layers"
            )
    return chosen, {name: value for name, value in options.items() if name not in shared}


def _refuse_unequal_summands(options: CutOptions) -> None:
    for name, given in (
        ("scope: global", options.scope == "global"),
        ("ignored", options.ignored),
        ("layers", options.shares),
    ):
        if given:
            raise PipelineError(
                f"{name} with coupling: independent leaves summands of unequal width; "
                "use coupling: group" + (", or scope: layer" if name.startswith("scope") else "")
            )
