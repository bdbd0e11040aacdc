"""ResRep pruning (paper, Eq. 4; Ding et al., ResRep: Lossless CNN Pruning via Decoupling
Remembering and Forgetting, ICCV 2021).

Pruning happens while the network trains on. Behind each convolution that no residual sum couples to
another stands a compactor. At intervals the smallest of all compactors' rows are masked, a few more
each time: a masked row no longer gets the gradient of the task, and a lasso shortens it until its
channel can be cut without loss. There is no fine-tuning afterwards.

    compactors   the layers whose rows vanish
    targets      how many rows are to go
    masking      when rows are masked, and whether that suffices
    rows         which rows are masked, and cut
    constants    what goes into the next bias where a dead channel is not zero
    rehearsal    whether all that can be cut without loss
    extension    what is added to the training loop
"""

import copy
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from pipeline.cache.specs import Recipe
from pipeline.cutting.coupling import find_groups
from pipeline.cutting.refusals import refuse_not_finite
from pipeline.datasets import AnyDataset
from pipeline.engine import Run
from pipeline.engine.batches import evaluation_batches
from pipeline.engine.learning_rate import learning_rates
from pipeline.engine.training import fit
from pipeline.errors import PipelineError
from pipeline.progress import say, track
from pipeline.pruning import PruneReport, check_sparsity, make_report
from pipeline.pruning.resrep.compactors import Rows, cut_folded, fold, insert
from pipeline.pruning.resrep.extension import ResRep
from pipeline.pruning.resrep.masking import Masking, official, reach, reaching
from pipeline.pruning.resrep.rehearsal import check_folding
from pipeline.pruning.resrep.rows import count, row_norms, rows_below
from pipeline.pruning.resrep.targets import Target, mac_counter, of_channels, of_operations
from pipeline.registry import PRUNERS

LABEL = "ResRep"

log = logging.getLogger(__name__)


def prune_in_training(
    model: nn.Module,
    data: AnyDataset,
    sparsity: float,
    recipe: Recipe,
    *,
    example_input: Tensor,
    seed: int = 0,
    run: Run | None = None,
    target: Literal["channels", "flops"] = "channels",
    cut: Literal["threshold", "masked"] = "threshold",
    schedule: Literal["official", "reach"] = "official",
    lasso: float = 1e-4,
    compactor_momentum: Annotated[float, "below 1"] = 0.99,
    warmup_epochs: float = 5.0,
    interval: int = 200,
    rows_per_step: int = 4,
    threshold: float = 1e-5,
) -> tuple[nn.Module, PruneReport]:
    """A network that was trained further and lost channels meanwhile.

    `warmup_epochs` and `interval` are those of a run of 180 epochs on CIFAR in batches of 64; a
    shorter run, in epochs or in iterations, has them in proportion.

    Args:
        model: A trained CNN; left as it is.
        data: Its training set is used.
        sparsity: Fraction to remove, in [0, 1).
        recipe: Of the training.
        example_input: Images [B, 3, H, W], to trace the network with.
        seed: Of the training.
        run: Where and how to train, as for :func:`pipeline.engine.training.fit`.
        target: What is reduced by the sparsity: ``channels``, of all those that have a compactor
            row, or ``flops``, the multiply-accumulate operations of the network.
        cut: Which channels go in the end: those of rows below the ``threshold``, masked or not, or
            those of ``masked`` rows.
        schedule: ``official``, or ``reach``: more rows at a step, a stronger lasso on masked rows
            and less momentum, as far as needed to mask the target halfway through and let masked
            rows vanish.
        lasso: The weight λ of Eq. 4.
        compactor_momentum: Momentum of the compactors' rows.
        warmup_epochs: Epochs before the first rows are masked.
        interval: Iterations from one choice of rows to the next.
        rows_per_step: How many more rows may be masked at a choice than before.
        threshold: Norm below which a row is zero.

    Raises:
        PipelineError: the sparsity is outside [0, 1), `target`, `cut` or `schedule` is not known,
            there is no convolution to put a compactor behind, or what its rows leave out could not
            be cut without loss.
    """
    check_sparsity(sparsity)
    _check_choices(target=target, cut=cut, schedule=schedule)
    rates = learning_rates(recipe, len(data.train))
    masking = official(
        recipe.epochs,
        len(rates),
        lasso=lasso,
        compactor_momentum=compactor_momentum,
        warmup_epochs=warmup_epochs,
        interval=interval,
        rows_per_step=rows_per_step,
    )
    refuse_not_finite(model)
    trained = copy.deepcopy(model)
    groups = find_groups(trained, example_input)
    check_folding(trained, groups, example_input)
    compactors = insert(trained, groups)
    widths = {name: compactor.out_channels for name, compactor in compactors.items()}
    wanted = (
        of_channels(widths, sparsity)
        if target == "channels"
        else of_operations(widths, sparsity, mac_counter(model, groups, example_input))
    )
    masking, reachable = _within_reach(masking, rates, widths, wanted, schedule)

    extension = ResRep(compactors, recipe, masking, wanted.enough)
    fit(trained, data, recipe, seed=seed, run=run, extension=extension)

    norms = row_norms(compactors)
    gone = extension.masked if cut == "masked" else rows_below(norms, threshold)
    accuracy_before_cut = _accuracy(trained, data)
    fold(trained, groups, compactors)
    smaller, kept = cut_folded(trained, groups, gone, example_input)
    accuracy_after_cut = _accuracy(smaller, data)
    details = {
        "target": wanted.rows,
        "reachable": reachable,
        "masked": count(extension.masked),
        **_what_is_cut(gone, norms),
        "accuracy_before_cut": accuracy_before_cut,
        "accuracy_after_cut": accuracy_after_cut,
        "schedule": asdict(masking),
    }
    _say_what_it_cost(accuracy_before_cut, accuracy_after_cut, details)
    smaller.train(model.training)
    return smaller, make_report(model, smaller, "resrep", sparsity, kept, example_input, details)


def _check_choices(**given: str) -> None:
    options = PRUNERS.options("resrep")
    for name, value in given.items():
        known = options[name].choices or ()
        if value not in known:
            raise PipelineError(f"unknown {name} {value!r}; known: {', '.join(known)}")


def _within_reach(
    masking: Masking,
    rates: Sequence[float],
    widths: Mapping[str, int],
    target: Target,
    schedule: str,
) -> tuple[Masking, bool]:
    """The masking that the schedule asks for, and whether it can reach the target; both are said.

    Args:
        masking: The official one.
        rates: The learning rate of each iteration.
        widths: The number of rows of each compactor; each keeps at least one.
        target: What is to be removed.
        schedule: ``official`` or ``reach``.
    """
    enough = reaching(masking, rates, target.rows)
    if schedule == "reach":
        masking = enough
    rows = sum(widths.values())
    masked, vanished = reach(masking, rates)
    reachable = min(vanished, rows - len(widths)) >= target.rows
    say(
        f"resrep: {target.rows} of {rows} rows are to go; the schedule can mask {masked}, "
        f"{vanished} of them early enough to vanish"
    )
    if not reachable:
        log.warning(
            "resrep: the target is out of reach; schedule='reach' would mask %d rows at a step "
            "with a lasso of %.2g on masked rows",
            *(enough.rows_per_step, enough.lasso_masked),
        )
    return masking, reachable


def _say_what_it_cost(before: float, after: float, details: Mapping[str, Any]) -> None:
    if before != after:
        log.warning(
            "resrep: the cut changed the accuracy on training images from %.4f to %.4f: the "
            "longest of the %d rows that were cut had a norm of %.2g, not 0",
            *(before, after, details["cut"], details["largest_cut_row_norm"]),
        )


def _what_is_cut(gone: Rows, norms: Mapping[str, Tensor]) -> dict[str, Any]:
    longest = [norms[name][rows].max().item() for name, rows in gone.items() if rows.any()]
    return {
        "cut": count(gone),
        "achieved_sparsity": count(gone) / sum(map(len, gone.values())),
        "largest_cut_row_norm": max(longest, default=0.0),
    }


@torch.no_grad()
def _accuracy(model: nn.Module, data: AnyDataset, images: int = 10_000, size: int = 500) -> float:
    """The share of right answers on training images, spread evenly, in evaluation mode."""
    model = copy.deepcopy(model).eval()
    device = next(model.parameters()).device
    chosen = torch.arange(0, len(data.train), math.ceil(len(data.train) / images))
    parts = torch.split(chosen, size)
    batches = evaluation_batches(data, data.train, chosen, size, device)
    right = 0
    for part, shown in zip(parts, track(batches, "measured batches", len(parts)), strict=True):
        right += int((model(shown).argmax(1).cpu() == data.train.labels[part]).sum())
    return right / len(chosen)
