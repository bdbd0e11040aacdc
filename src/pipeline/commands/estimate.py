"""How long jobs take, from the wall times that like jobs recorded."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline.cache import files, manifests, paths
from pipeline.cache.specs import Spec, from_json
from pipeline.errors import PipelineError

Traits = tuple[Any, ...]


class WallTimes:
    """The seconds that finished artifacts took, those of training for each epoch."""

    def __init__(self, root: Path) -> None:
        self._seconds: dict[Traits, list[float]] = defaultdict(list)
        for folder in manifests.folders(root):
            # What cannot be read is nothing to go by.
            with suppress(PipelineError, LookupError, TypeError, ValueError, AttributeError):
                spec = from_json(manifests.read_manifest(folder).spec)
                recorded = files.read_json(folder / paths.PROVENANCE)
                traits, epochs = _traits(spec)
                for length in range(1, len(traits) + 1):
                    self._seconds[traits[:length]].append(recorded["wall_seconds"] / epochs)

    def of(self, spec: Spec) -> float | None:
        """The mean seconds of the jobs most like this one; None without a job of its kind."""
        traits, epochs = _traits(spec)
        for length in range(len(traits), 0, -1):
            if seconds := self._seconds.get(traits[:length]):
                return fmean(seconds) * epochs
        return None


def _traits(spec: Spec) -> tuple[Traits, int]:
    """What makes jobs alike, the most telling first, and the epochs they train for, or 1."""
    recipe = getattr(spec, "recipe", None)
    # A network that starts from given weights has a recipe without epochs.
    epochs = (recipe.epochs if recipe else 0) or 1
    return ((spec.stage, bool(recipe and recipe.epochs)), *spec.traits()), epochs


def in_time(seconds: float) -> str:
    """A duration in words, such as ``12 min``."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            number = seconds / length
            return f"{number:.{1 if number < 9.95 else 0}f} {unit}"
    return f"{seconds:.0f} s"


def total(times: Iterable[float | None]) -> tuple[float, int]:
    """The sum of what is known, and how many are not."""
    found = list(times)
    return sum(time for time in found if time is not None), found.count(None)
