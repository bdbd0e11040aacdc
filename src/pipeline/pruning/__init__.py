"""Structured pruning in three steps, each usable alone (paper, Section 3.1).

    groups   which convolutions share their channels        coupling.find_groups
    scores   how much each channel matters                   one file per criterion
    kept     the channels that stay                          selection.select
    smaller  the network without the others                  surgery.cut_channels

    smaller, report = prune(model, "l1", 0.4, example_input=images[:1])

A criterion is a module with a function `scores`, whose further keyword-only arguments are its
options. It is handed a copy of the network, in evaluation mode, and of training images, their
`labels`, a `seed` and an `example_input` those that it has as arguments:

    def scores(model, groups, *, images=None, seed=0) -> dict[str, Tensor]: ...

To be compared across layers (``scope: global``), each layer's scores are divided by their mean.
Where they can be compared as they are, the module says ``COMPARABLE = True``; where they need
something else, it has a function for that:

    def across_layers(model, groups, scores, *, images=None) -> dict[str, Tensor]: ...

What is to happen to the smaller network before it is trained further is a function, too:

    def after_cut(smaller, *, seed=0) -> None: ...

The options that all criteria share are in :mod:`pipeline.cutting.options`. A method that prunes
while it trains has a function `prune_in_training` instead.

Every cut is checked before it is made, see :mod:`pipeline.cutting.check`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

from pipeline.cutting.check import check_cut, check_rows
from pipeline.cutting.coupling import Group, find_groups
from pipeline.cutting.options import split
from pipeline.cutting.recalibration import recalibrate
from pipeline.cutting.refusals import refuse_not_finite
from pipeline.cutting.selection import select
from pipeline.cutting.surgery import cut_channels
from pipeline.engine.batches import TrainingImages
from pipeline.errors import PipelineError
from pipeline.models import size
from pipeline.progress import say
from pipeline.pruning.criteria import Shown, channel_scores
from pipeline.registry import PRUNERS


@dataclass(frozen=True)
class PruneReport:
    """What was removed from a network, and what is left.

    Attributes:
        pruner: Name of the criterion.
        sparsity: The fraction of channels that was to go.
        kept: For each pruned convolution, which of its channels stay.
        widths: How many those are.
        parameters: Number of parameters that are left.
        parameters_before: Number of parameters of the given network.
        macs: Multiply-accumulate operations for one image.
        macs_before: The same of the given network.
        details: What only this pruner has to say.
    """

    pruner: str
    sparsity: float
    kept: Mapping[str, tuple[int, ...]]
    widths: Mapping[str, int]
    parameters: int
    parameters_before: int
    macs: int
    macs_before: int
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return asdict(self) | {"kept": {name: list(kept) for name, kept in self.kept.items()}}


def scores(
    model: nn.Module,
    pruner: str,
    *,
    example_input: Tensor,
    images: Tensor | TrainingImages | None = None,
    labels: Tensor | None = None,
    seed: int = 0,
    coupling: str = "group",
    **options: Any,
) -> dict[str, Tensor]:
    """How much each output channel of each convolution matters; higher means keep.

    Args:
        model: A CNN; left as it is.
        pruner: Name of a criterion.
        example_input: Images [B, 3, H, W], to trace the network with.
        images: Float32 [N, 3, H, W], normalised, in random order, for criteria that look at data;
            or what gives such images for a slice.
        labels: Int64 [N], of these images; of :class:`TrainingImages` they are known.
        seed: For criteria that draw at random.
        coupling: ``group`` or ``independent``, see :func:`pipeline.cutting.coupling.find_groups`.
        **options: The criterion's own.

    Returns:
        A tensor [C] for each convolution that can be pruned.

    Raises:
        PipelineError: the pruner, an option or the coupling is not known; or the criterion cannot
            score this network.
    """
    check_options(pruner, options)
    groups = find_groups(model, example_input, coupling)
    shown = _shown(example_input, images, labels, seed)
    return channel_scores(model, groups, pruner, shown, options)


def prune(
    model: nn.Module,
    pruner: str,
    sparsity: float,
    *,
    example_input: Tensor,
    images: Tensor | TrainingImages | None = None,
    labels: Tensor | None = None,
    seed: int = 0,
    check: bool = True,
    **options: Any,
) -> tuple[nn.Module, PruneReport]:
    """A smaller copy of a network: without its channels of lowest score (paper, Eq. 1).

    Args:
        model: A CNN; left as it is.
        pruner: Name of a criterion.
        sparsity: Fraction to remove, in [0, 1): of each convolution's output channels, unless the
            options `scope` and `target` say of what else.
        example_input: As for :func:`scores`.
        images: As for :func:`scores`.
        labels: As for :func:`scores`.
        seed: As for :func:`scores`.
        check: Whether to try that the cut leaves what the network computes, see
            :func:`pipeline.cutting.check.check_cut`; False only for a network that was checked.
        **options: The criterion's own, and those that all criteria share, see
            :class:`pipeline.cutting.options.CutOptions`.

    Raises:
        PipelineError: the sparsity is outside [0, 1) or cannot be reached, options contradict each
            other or name a layer that is not there, a weight is not finite, the cut would change
            what the network computes (the message names the layer), there are no images to
            recalibrate with, or as for :func:`scores`.
    """
    check_sparsity(sparsity)
    check_options(pruner, options)
    shared, own = split(pruner, options)
    refuse_not_finite(model)
    groups = find_groups(model, example_input, shared.coupling)
    shown = _shown(example_input, images, labels, seed)
    found = channel_scores(model, groups, pruner, shown, own, scope=shared.scope)
    cost = _cost(model, groups, example_input, shared.target)
    kept = select(model, groups, found, sparsity, shared, cost)
    if check:
        check_cut(model, groups, kept, example_input, shared.coupling)
    smaller = cut_channels(model, groups, kept)
    check_rows(model, smaller, groups, kept)
    module = PRUNERS.load(pruner)
    if hasattr(module, "after_cut"):
        module.after_cut(smaller, seed=seed)
    if shared.recalibrate:
        if images is None:
            raise PipelineError("recalibrate needs training images")
        recalibrate(smaller, images)
    report = make_report(model, smaller, pruner, sparsity, kept, example_input)
    if shared.target != "channels":
        say(
            f"{pruner}: {1 - report.macs / report.macs_before:.1%} of the operations and "
            f"{1 - report.parameters / report.parameters_before:.1%} of the parameters are removed"
        )
    return smaller, report


def _shown(
    example_input: Tensor,
    images: Tensor | TrainingImages | None,
    labels: Tensor | None,
    seed: int,
) -> Shown:
    if isinstance(images, TrainingImages):
        labels = images.labels
    return Shown(example_input, images, labels, seed)


def _cost(
    model: nn.Module, groups: Sequence[Group], example_input: Tensor, target: str
) -> Callable[[Mapping[str, Sequence[int]]], int]:
    """What a network costs with some channels alone: counted in the network itself."""

    def cost(kept: Mapping[str, Sequence[int]]) -> int:
        parameters, macs = size(cut_channels(model, groups, kept), example_input[:1])
        return macs if target == "macs" else parameters

    return cost


def make_report(
    model: nn.Module,
    smaller: nn.Module,
    pruner: str,
    sparsity: float,
    kept: Mapping[str, tuple[int, ...]],
    example_input: Tensor,
    details: Mapping[str, Any] | None = None,
) -> PruneReport:
    """The report on a network and its pruned copy."""
    parameters_before, macs_before = size(model, example_input[:1])
    parameters, macs = size(smaller, example_input[:1])
    return PruneReport(
        pruner=pruner,
        sparsity=sparsity,
        kept=kept,
        widths={name: len(channels) for name, channels in kept.items()},
        parameters=parameters,
        parameters_before=parameters_before,
        macs=macs,
        macs_before=macs_before,
        details=details or {},
    )


def check_sparsity(sparsity: float) -> None:
    """Raise PipelineError unless the sparsity is in [0, 1)."""
    if not 0 <= sparsity < 1:
        raise PipelineError(f"sparsity must be in [0, 1), not {sparsity}")


def check_options(pruner: str, options: Mapping[str, Any]) -> None:
    """Raise PipelineError unless the pruner scores channels and has these options."""
    if PRUNERS.function(pruner) == "prune_in_training":
        function = f"pipeline.pruning.{pruner}.prune_in_training"
        raise PipelineError(f"{pruner} prunes while it trains: use {function}")
    allowed = PRUNERS.options(pruner)
    for name in options.keys() - allowed.keys():
        known = ", ".join(allowed) or "none"
        raise PipelineError(f"{pruner}: unknown option {name!r}; allowed: {known}")
