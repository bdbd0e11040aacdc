"""Pruners: what a study says of each, beside its options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.cache.specs import Recipe
from pipeline.cutting.options import split
from pipeline.errors import PipelineError
from pipeline.registry import PRUNERS
from pipeline.study import recipes
from pipeline.study.entries import ENTRY_KEYS, Entry, Item, named, sparsities, told_apart

KEYS = ENTRY_KEYS | {"sparsities", "finetune"}


@dataclass(frozen=True)
class Pruner(Entry):
    """A pruner as a study uses it.

    Attributes:
        sparsities: What it removes, rising: its own list, or the study's.
        recipe: How a network is trained after it, or by it where `trains` says so.
        trains: Whether it prunes while it trains, so that nothing is trained after it.
    """

    sparsities: tuple[float, ...] = ()
    recipe: Recipe = recipes.TRAIN
    trains: bool = False


def pruners(
    given: Sequence[Item], shared: tuple[float, ...], by: Mapping[str, Recipe]
) -> tuple[Pruner, ...]:
    """The pruners of a study.

    Args:
        given: Names, or mappings with a name, options, and keys of their own.
        shared: The sparsities of pruners that have no list of their own.
        by: The study's recipes: ``prune`` for pruners that train while they prune, for all others
            what their file names as ``TRAINED_BY``, and ``finetune`` where it names nothing.

    Raises:
        PipelineError: a name, an option, a label or a key is wrong.
    """
    found = []
    for where, settings, label, options in named("pruners", given, PRUNERS, KEYS):
        name = settings["name"]
        trains = PRUNERS.function(name) == "prune_in_training"
        if trains and "finetune" in settings:
            raise PipelineError(
                f"{where}.finetune: {name} is not fine-tuned: it prunes while it trains, by the "
                "recipe `prune:`"
            )
        if not trains:
            try:
                split(name, dict(options))
            except PipelineError as error:
                raise PipelineError(f"{where}: {error}") from None
        key = "prune" if trains else PRUNERS.constant(name, "TRAINED_BY", "finetune")
        recipe = recipes.changed(by[key], settings.get("finetune", {}))
        own = _own(where, settings["sparsities"]) if "sparsities" in settings else shared
        found.append(Pruner(name, label, options, (), own, recipe, trains))
    _refuse_same(found)
    return told_apart("pruners", found)


def _own(where: str, given: Sequence[float]) -> tuple[float, ...]:
    """The sparsities of one pruner."""
    try:
        return sparsities(given)
    except PipelineError as error:
        raise PipelineError(f"{where}.{error}") from None


def _refuse_same(found: Sequence[Pruner]) -> None:
    """Raise PipelineError where two pruners share a network by their lists of sparsities."""
    for position, pruner in enumerate(found):
        for other in found[:position]:
            both = set(pruner.sparsities) & set(other.sparsities)
            like = replace(pruner, label=other.label, sparsities=other.sparsities)
            if both and like == other and pruner.sparsities != other.sparsities:
                raise PipelineError(
                    f"pruners: {pruner.label!r} is the same as {other.label!r} at {min(both):g}"
                )
