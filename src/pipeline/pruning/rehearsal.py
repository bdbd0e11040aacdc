"""A rehearsal of what a study does to a network, in seconds, on random weights and images.

What cannot be cut is found here, before hours of training:

    faults("resnet18", {}, [("l1", {}), ("resrep", {})], classes=10, image_size=32)    # []
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.cache.recipe import Recipe
from pipeline.cutting.check import check_cut
from pipeline.cutting.coupling import find_groups
from pipeline.cutting.selection import select
from pipeline.datasets import Dataset, ImageSet
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.models.shared.dropout import has_dropout
from pipeline.pruning import prune
from pipeline.registry import PRUNERS

IMAGES = 8
STEP = Recipe(epochs=1, batch_size=IMAGES, lr=0.01, precision="float32")


def faults(
    architecture: str,
    options: Mapping[str, Any],
    pruners: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    sparsity: float | Sequence[float] = 0.5,
    dropout: float = 0.0,
    classes: int = 10,
    image_size: int = 32,
) -> list[str]:
    """Why a network cannot be built, cut by some pruners, or run; one line for each reason.

    Args:
        architecture: Its name.
        options: The architecture's options.
        pruners: Names and options. Those that train while they prune train for one step.
        sparsity: Fraction to remove, in [0, 1); one for all pruners, or one for each.
        dropout: Of the network for MC dropout; 0 if there is none.
        classes: Number of logits.
        image_size: Height and width of the images.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        checked: dict[str, str] = {}
        data = _random_data(classes, image_size)
        try:
            model = build(architecture, classes, image_size=image_size, **options)
            _run(model, data, classes)
            missing = _without_dropout(architecture, options, dropout, classes, image_size)
        except PipelineError as error:
            return [str(error)]
        found: dict[str, list[str]] = {}
        given = [sparsity] * len(pruners) if isinstance(sparsity, float) else sparsity
        for (name, own), wanted in zip(pruners, given, strict=True):
            try:
                if PRUNERS.function(name) == "scores":
                    _check_coupling(model, own.get("coupling", "group"), image_size, checked)
                _run(_pruned(model, data, name, wanted, own), data, classes)
            except PipelineError as error:
                found.setdefault(str(error), []).append(name)
            except Exception as error:  # a pruner of one's own may raise anything
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                found.setdefault(reason, []).append(name)
    return missing + [f"{', '.join(names)}: {reason}" for reason, names in found.items()]


def _check_coupling(model: nn.Module, coupling: str, size: int, checked: dict[str, str]) -> None:
    """Check once whether channels that are coupled so can be cut; PipelineError if not."""
    if coupling not in checked:
        checked[coupling] = ""
        example = torch.zeros(1, 3, size, size)
        try:
            groups = find_groups(model, example, coupling)
            # Without a pattern: a shuffle keeps that of every second channel, and would pass.
            chance = {n: torch.rand(g.channels) for g in groups for n in g.convolutions}
            check_cut(model, groups, select(model, groups, chance, 0.5), example, coupling)
        except PipelineError as error:
            checked[coupling] = str(error)
    if checked[coupling]:
        raise PipelineError(checked[coupling])


def _pruned(
    model: nn.Module, data: Dataset, pruner: str, sparsity: float, options: Mapping[str, Any]
) -> nn.Module:
    size = data.image_size
    example = torch.zeros(1, 3, size, size)
    if PRUNERS.function(pruner) == "prune_in_training":
        module = PRUNERS.load(pruner)
        smaller, _ = module.prune_in_training(
            model, data, sparsity, STEP, example_input=example, **options
        )
        return smaller  # type: ignore[no-any-return]
    smaller, _ = prune(
        model,
        pruner,
        sparsity,
        example_input=example,
        images=data.normalise(data.train.images),
        labels=data.train.labels,
        check=False,
        **options,
    )
    return smaller


def _without_dropout(
    architecture: str, options: Mapping[str, Any], dropout: float, classes: int, image_size: int
) -> list[str]:
    if dropout:
        model = build(architecture, classes, dropout=dropout, image_size=image_size, **options)
        if not has_dropout(model):
            return [
                f"mc_dropout: {architecture} has no dropout layers "
                "(pipeline.models.shared.dropout.Dropout), so that all passes would be equal"
            ]
    return []


@torch.no_grad()
def _run(model: nn.Module, data: Dataset, classes: int) -> None:
    """Raise PipelineError unless a network gives logits, in both modes."""
    images = data.normalise(data.train.images)
    for training in (True, False):
        mode = "training" if training else "evaluation"
        try:
            logits = model.train(training)(images)
        except Exception as error:  # a network of one's own may raise anything
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise PipelineError(f"the network does not run in {mode} mode: {reason}") from None
        if not isinstance(logits, Tensor) or logits.shape != (len(images), classes):
            found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise PipelineError(
                f"in {mode} mode the network gives {found}, not logits [{len(images)}, {classes}]"
            )


def _random_data(classes: int, size: int) -> Dataset:
    images = torch.randint(256, (IMAGES, 3, size, size), dtype=torch.uint8)
    part = ImageSet(images, torch.arange(IMAGES) % classes, torch.arange(IMAGES))
    names = tuple(map(str, range(classes)))
    return Dataset(part, part, names, (0.5,) * 3, (0.25,) * 3, pad=0, flip=False)
