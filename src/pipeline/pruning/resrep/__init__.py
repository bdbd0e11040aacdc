"""ResRep pruning (paper, Eq. 4; Ding et al., ResRep: Lossless CNN Pruning via Decoupling
Remembering and Forgetting, ICCV 2021).

Pruning happens while the network trains on. Behind each convolution that no residual sum couples to
another stands a compactor. Every so often the smallest of all compactors' rows are masked, a few
more each time: what the task wants of a masked row no longer counts, and a lasso shortens it until
its channel can be cut without loss. There is no fine-tuning afterwards.
"""

import copy
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.cache.specs import Recipe
from pipeline.cutting.coupling import find_groups
from pipeline.cutting.surgery import cut_channels
from pipeline.datasets import AnyDataset
from pipeline.engine import DEFAULT, Engine
from pipeline.engine.batches import evaluation_batches
from pipeline.engine.learning_rate import learning_rates
from pipeline.engine.optimiser import ParameterGroup, parameter_groups
from pipeline.engine.training import Extension, fit
from pipeline.errors import PipelineError
from pipeline.progress import say
from pipeline.pruning import PruneReport, check_sparsity, make_report
from pipeline.pruning.resrep.compactors import (
    Compactors,
    choose_rows,
    edit_gradient,
    fold,
    insert,
    row_norms,
    rows_below,
)
from pipeline.pruning.resrep.schedule import (
    Enough,
    Schedule,
    channels_target,
    flops_target,
    mac_counter,
    official_schedule,
    reaching_schedule,
    schedule_reach,
)

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
    device: torch.device | str = "cpu",
    folder: Path | None = None,
    fingerprint: str = "",
    engine: Engine = DEFAULT,
    target: Literal["channels", "flops"] = "channels",
    cut: Literal["threshold", "masked"] = "threshold",
    schedule: Literal["official", "reach"] = "official",
    lasso: float = 1e-4,
    compactor_momentum: float = 0.99,
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
        device: Where to train.
        folder: Where an interrupted training goes on, as for :func:`pipeline.engine.training.fit`.
        fingerprint: Whose training it is, likewise.
        engine: How the network is run, likewise.
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
            or there is no convolution to put a compactor behind.
    """
    check_sparsity(sparsity)
    for name, value, known in (
        ("target", target, ("channels", "flops")),
        ("cut", cut, ("threshold", "masked")),
        ("schedule", schedule, ("official", "reach")),
    ):
        if value not in known:
            raise PipelineError(f"unknown {name} {value!r}; known: {', '.join(known)}")

    trained = copy.deepcopy(model)
    groups = find_groups(trained, example_input)
    compactors = insert(trained, groups)
    widths = {name: compactor.out_channels for name, compactor in compactors.items()}
    enough, wanted = (
        channels_target(widths, sparsity)
        if target == "channels"
        else flops_target(widths, sparsity, mac_counter(model, groups, example_input))
    )

    rates = learning_rates(recipe, len(data.train))
    plan = official_schedule(
        recipe.epochs,
        len(rates),
        lasso=lasso,
        compactor_momentum=compactor_momentum,
        warmup_epochs=warmup_epochs,
        interval=interval,
        rows_per_step=rows_per_step,
    )
    reaching = reaching_schedule(plan, rates, wanted)
    if schedule == "reach":
        plan = reaching
    masked, vanished = schedule_reach(plan, rates)
    reachable = min(vanished, sum(widths.values()) - len(widths)) >= wanted
    say(
        f"resrep: {wanted} of {sum(widths.values())} rows are to go; the schedule can mask "
        f"{masked}, {vanished} of them early enough to vanish"
    )
    if not reachable:
        log.warning(
            "resrep: the target is out of reach; schedule='reach' would mask %d rows at a step "
            "with a lasso of %.2g on masked rows",
            *(reaching.rows_per_step, reaching.lasso_masked),
        )

    extension = ResRep(compactors, recipe, plan, enough)
    fit(
        trained,
        data,
        recipe,
        seed=seed,
        device=device,
        folder=folder,
        fingerprint=fingerprint,
        extension=extension,
        engine=engine,
    )

    norms = row_norms(compactors)
    gone = extension.masked if cut == "masked" else rows_below(norms, threshold)
    accuracy_before_cut = _accuracy(trained, data)
    fold(trained, groups, compactors)
    kept = {name: tuple((~rows).nonzero().flatten().tolist()) for name, rows in gone.items()}
    owners = [group for group in groups if group.convolutions[0] in kept]
    smaller = cut_channels(trained, owners, kept).train(model.training)
    number = _count(gone)
    details = {
        "target": wanted,
        "reachable": reachable,
        "masked": _count(extension.masked),
        "cut": number,
        "achieved_sparsity": number / sum(widths.values()),
        "largest_cut_row_norm": max(
            (norms[name][rows].max().item() for name, rows in gone.items() if rows.any()),
            default=0.0,
        ),
        "accuracy_before_cut": accuracy_before_cut,
        "accuracy_after_cut": _accuracy(smaller, data),
        "schedule": asdict(plan),
    }
    return smaller, make_report(model, smaller, "resrep", sparsity, kept, example_input, details)


class ResRep(Extension):
    """What ResRep adds to the training loop."""

    def __init__(
        self,
        compactors: Compactors,
        recipe: Recipe,
        schedule: Schedule,
        enough: Enough,
    ) -> None:
        self.compactors = compactors
        self.recipe = recipe
        self.schedule = schedule
        self.enough = enough
        for compactor in compactors.values():
            rows = torch.zeros(compactor.out_channels, dtype=torch.bool)
            # Moves with the network, and belongs to no checkpoint.
            compactor.register_buffer("masked", rows.to(compactor.weight.device), persistent=False)

    @property
    def masked(self) -> dict[str, Tensor]:
        """Which rows of each compactor are masked, bool [C] on the CPU."""
        return {name: c.get_buffer("masked").cpu() for name, c in self.compactors.items()}

    def parameter_groups(self, model: nn.Module) -> list[ParameterGroup]:
        """The recipe's groups, and the compactors with a momentum of their own and no decay."""
        rows = [p for compactor in self.compactors.values() for p in compactor.parameters()]
        groups = parameter_groups(model, self.recipe)
        for group in groups:
            group.parameters = [p for p in group.parameters if all(p is not row for row in rows)]
        return [*groups, ParameterGroup(rows, self.schedule.compactor_momentum, 0.0)]

    def before_step(self, iteration: int) -> None:
        """Mask more rows when it is time."""
        if self.schedule.chooses_at(iteration):
            limit = _count(self.masked) + self.schedule.rows_per_step
            self.load_state_dict(choose_rows(row_norms(self.compactors), limit, self.enough))

    def after_backward(self, lr: float | Tensor) -> None:
        """Edit the compactors' gradients."""
        for compactor in self.compactors.values():
            edit_gradient(
                compactor,
                compactor.get_buffer("masked"),
                lasso=self.schedule.lasso,
                lasso_masked=self.schedule.lasso_masked,
                lr=lr,
            )

    def state_dict(self) -> dict[str, Tensor]:
        """Which rows are masked."""
        return self.masked

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore which rows are masked."""
        for name, rows in state.items():
            self.compactors[name].get_buffer("masked").copy_(rows)


def _count(rows: Mapping[str, Tensor]) -> int:
    return sum(int(chosen.sum()) for chosen in rows.values())


@torch.no_grad()
def _accuracy(model: nn.Module, data: AnyDataset, images: int = 10_000) -> float:
    """The share of right answers on (evenly spread) training images, in evaluation mode."""
    model = copy.deepcopy(model).eval()
    device = next(model.parameters()).device
    chosen = torch.arange(0, len(data.train), math.ceil(len(data.train) / images))
    batches = evaluation_batches(data, data.train, chosen, 500, device)
    right = 0
    for part, images_of_it in zip(torch.split(chosen, 500), batches, strict=True):
        right += int((model(images_of_it).argmax(1).cpu() == data.train.labels[part]).sum())
    return right / len(chosen)
