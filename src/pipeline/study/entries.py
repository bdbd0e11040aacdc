"""Entries: what a study names of the registries, with its options and labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeVar

from pipeline.cache import specs
from pipeline.errors import PipelineError
from pipeline.registry import DATASETS, MODELS, UNCERTAINTIES, Registry
from pipeline.study import options as given_options
from pipeline.study import weights
from pipeline.study.reading import expanded

# Keys of an entry that are not options of the code behind it.
ENTRY_KEYS = {"name", "label"}
ARCHITECTURE_KEYS = ENTRY_KEYS | {"init"}
DATASET_KEYS = ENTRY_KEYS | {"version", "test_version", "path", "validation"}
# Options of a data set that say how to come by the files, not what is in them.
ACCESS = {"path", "download", "decoder"}

# An entry as YAML gives it: its name, or a mapping with its name and options.
Item = str | Mapping[str, Any]

E = TypeVar("E", bound="Entry")


@dataclass(frozen=True)
class Entry:
    """A registry entry as a study uses it: what it is called there, and its options.

    `init` has a triple for each network of an architecture that is not trained: its name, see
    `pipeline.study.weights.network`, and the fields `init` and `init_path` of its spec.
    """

    name: str
    label: str
    options: specs.Options = ()
    init: tuple[tuple[str, str, str | None], ...] = ()


def uncertainties(given: Sequence[Item]) -> tuple[Entry, ...]:
    """The uncertainty methods of a study.

    Raises:
        PipelineError: a name, an option or a label is wrong.
    """
    found = [
        Entry(settings["name"], label, options)
        for _, settings, label, options in named("uncertainties", given, UNCERTAINTIES, ENTRY_KEYS)
    ]
    return told_apart("uncertainties", found)


def named(
    key: str, given: Sequence[Item], registry: Registry, keys: set[str]
) -> list[tuple[str, dict[str, Any], str, specs.Options]]:
    """Where each entry stands, what is given of it, its label and its options.

    The paper's claims go by the names of these entries, so no label may be another one's name.

    Raises:
        PipelineError: a name, an option or a label is wrong.
    """
    found = _read(key, given, registry, keys)
    for where, settings, label, _ in found:
        if label != settings["name"] and label in registry.names():
            raise PipelineError(f"{where}.label: {label!r} is the name of another {registry.kind}")
    return found


def architectures(
    given: Sequence[Item], ensemble_size: int, replicates: int, remember: weights.Remember | None
) -> tuple[Entry, ...]:
    """The architectures of a study, with the weights of networks that are not trained.

    Raises:
        PipelineError: a name, an option, a label or a network is wrong, or weights are not there.
    """
    kinds = [*(("plain", member) for member in range(ensemble_size)), ("dropout", 0)]
    networks = [
        [weights.network(*kind, replicate) for replicate in range(replicates)] for kind in kinds
    ]
    found = []
    for where, settings, label, options in _read("architectures", given, MODELS, ARCHITECTURE_KEYS):
        init = weights.initial(f"{where}.init", settings.get("init", {}), networks, remember)
        found.append(Entry(settings["name"], label, options, init))
    return told_apart("architectures", found)


def datasets(given: Sequence[Item], seed: int = 0) -> tuple[specs.Data, ...]:
    """The data sets of a study, whose seed decides what is held out for validation.

    Raises:
        PipelineError: a name, an option or a label is wrong.
    """
    found = [
        specs.Data(
            settings["name"],
            label="" if label == settings["name"] else label,
            version=settings.get("version", 1),
            test_version=settings.get("test_version", 1),
            options=tuple(option for option in options if option[0] not in ACCESS),
            access=access(where, settings),
            validation=(share := float(settings.get("validation", 0.0))),
            seed=seed if share else 0,
        )
        for where, settings, label, options in _read("datasets", given, DATASETS, DATASET_KEYS)
    ]
    if "studies" in [data.label for data in found]:
        raise PipelineError("datasets: the label 'studies' is the folder of tables and figures")
    return tuple(found)


def access(where: str, settings: Mapping[str, Any]) -> specs.Options:
    """How to come by a data set's files."""
    return tuple(
        (key, expanded(f"{where}.path", settings[key]) if key == "path" else settings[key])
        for key in sorted(ACCESS)
        if key in settings
    )


def refuse_same_files(data: Sequence[specs.Data], networks: Sequence[Entry]) -> None:
    """Raise PipelineError where tables of two networks would go by one name.

    Their files are named ``DATASET-ARCHITECTURE``; some file systems take A for a.
    """
    found: dict[str, str] = {}
    for dataset, network in product((each.label or each.dataset for each in data), networks):
        pair = f"{dataset!r} with {network.label!r}"
        other = found.setdefault(f"{dataset}-{network.label}".lower(), pair)
        if other != pair:
            raise PipelineError(
                f"files of {pair} would be named as those of {other}; choose another `label:`"
            )


def sparsities(given: Sequence[float]) -> tuple[float, ...]:
    """The fractions to remove, rising, without the 0 that is always there.

    Raises:
        PipelineError: one is given twice.
    """
    values = [float(value) for value in given]
    refuse_duplicates("sparsities", values)
    return tuple(sorted(value for value in values if value > 0))


def _read(
    key: str, given: Sequence[Item], registry: Registry, keys: set[str]
) -> list[tuple[str, dict[str, Any], str, specs.Options]]:
    """Where each entry stands, what is given of it, its label and its options."""
    found = []
    for position, item in enumerate(given):
        where = f"{key}[{position}]"
        settings = {"name": item} if isinstance(item, str) else dict(item)
        checked = given_options.checked(where, settings, registry, keys)
        found.append((where, settings, settings.get("label", settings["name"]), checked))
    refuse_duplicates(key, [label for _, _, label, _ in found])
    return found


def told_apart(key: str, found: list[E]) -> tuple[E, ...]:
    """The entries, unless two would be the same networks, or one be called unpruned."""
    if "none" in [entry.label for entry in found]:
        raise PipelineError(f"{key}: the label 'none' stands for unpruned networks")
    for position, entry in enumerate(found):
        for other in found[:position]:
            if replace(entry, label="") == replace(other, label=""):
                raise PipelineError(f"{key}: {entry.label!r} is the same as {other.label!r}")
    return tuple(found)


def refuse_duplicates(key: str, labels: list[Any]) -> None:
    """Raise PipelineError where two entries have one label."""
    for label in labels:
        if labels.count(label) > 1:
            hint = "" if key == "sparsities" else "; give one of them a `label:`"
            raise PipelineError(f"{key}: {label!r} is given more than once{hint}")
