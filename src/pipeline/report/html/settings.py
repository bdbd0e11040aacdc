"""A study's settings as a reader, not a parser, wants them."""

from collections.abc import Iterator, Mapping
from typing import Any

LABELS = {
    "datasets": "Data sets",
    "architectures": "Networks",
    "pruners": "Pruners",
    "sparsities": "Sparsities",
    "uncertainties": "Uncertainty methods",
    "train": "Training",
    "finetune": "Fine-tuning after pruning",
    "prune": "Training while pruning",
    "mc_samples": "MC dropout passes",
    "ensemble_size": "Networks of an ensemble",
}


def listed(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each key with its value in words, in the order of the study file."""
    return [
        (LABELS.get(key, str(key).replace("_", " ").capitalize()), _words(value))
        for key, value in settings.items()
        if key != "study"
    ]


def hours(seconds: float) -> str:
    """A duration: ``12 s``, ``3.4 min`` or ``5.6 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(_pairs(value))
    if isinstance(value, list | tuple):
        return ", ".join(_entry(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _entry(value: Any) -> str:
    if not isinstance(value, Mapping) or "name" not in value:
        return _words(value)
    options = ", ".join(_pairs({key: each for key, each in value.items() if key != "name"}))
    return f"{value['name']} ({options})" if options else str(value["name"])


def _pairs(value: Mapping[str, Any]) -> Iterator[str]:
    for key, each in value.items():
        words = _words(each)
        yield f"{str(key).replace('_', ' ')} " + (
            f"({words})" if isinstance(each, Mapping) else words
        )
