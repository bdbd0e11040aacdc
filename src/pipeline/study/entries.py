"""Entries: what a study names of the registries, with its options, labels and weights."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from pipeline.cache import specs
from pipeline.errors import PipelineError
from pipeline.registry import DATASETS, MODELS, REGISTRIES, UNCERTAINTIES, Option, Registry
from pipeline.study.reading import expanded, number_of

# Keys of an entry that are not options of the code behind it.
ENTRY_KEYS = {"name", "label"}
ARCHITECTURE_KEYS = ENTRY_KEYS | {"init"}
DATASET_KEYS = ENTRY_KEYS | {"version", "test_version", "path"}
# Options of a data set that say how to come by the files, not what is in them.
ACCESS = {"path", "download", "decoder"}

# How torchvision and timm name weights: ResNet18_Weights.IMAGENET1K_V1, timm/resnet26d.bt_in1k.
BY_NAME = re.compile(r"\w+_Weights\.\w+|timm/\w+\.\w+")

# An entry as YAML gives it: its name, or a mapping with its name and options.
Item = str | Mapping[str, Any]
# From the path of weights that are not there to the SHA-256 that is known of them.
Remember = Callable[[str], str]

E = TypeVar("E", bound="Entry")


@dataclass(frozen=True)
class Entry:
    """A registry entry as a study uses it: what it is called there, and its options.

    `init` has a triple for each network of an architecture that is not trained: ``plain-0`` or the
    like, and the fields `init` and `init_path` of its spec.
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
    given: Sequence[Item], ensemble_size: int, remember: Remember | None
) -> tuple[Entry, ...]:
    """The architectures of a study, with the weights of networks that are not trained.

    Raises:
        PipelineError: a name, an option, a label or a network is wrong, or weights are not there.
    """
    networks = [*(f"plain-{member}" for member in range(ensemble_size)), "dropout-0"]
    found = []
    for where, settings, label, options in _read("architectures", given, MODELS, ARCHITECTURE_KEYS):
        init = _init(f"{where}.init", settings.get("init", {}), networks, remember)
        found.append(Entry(settings["name"], label, options, init))
    return told_apart("architectures", found)


def datasets(given: Sequence[Item]) -> tuple[specs.Data, ...]:
    """The data sets of a study.

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
            access=tuple(
                (key, expanded(f"{where}.path", settings[key]) if key == "path" else settings[key])
                for key in sorted(ACCESS)
                if key in settings
            ),
        )
        for where, settings, label, options in _read("datasets", given, DATASETS, DATASET_KEYS)
    ]
    if "studies" in [data.label for data in found]:
        raise PipelineError("datasets: the label 'studies' is the folder of tables and figures")
    return tuple(found)


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
    _refuse_duplicates("sparsities", values)
    return tuple(sorted(value for value in values if value > 0))


def _read(
    key: str, given: Sequence[Item], registry: Registry, keys: set[str]
) -> list[tuple[str, dict[str, Any], str, specs.Options]]:
    """Where each entry stands, what is given of it, its label and its options."""
    found = []
    for position, item in enumerate(given):
        where = f"{key}[{position}]"
        settings = {"name": item} if isinstance(item, str) else dict(item)
        options = {name: value for name, value in settings.items() if name not in keys}
        checked = _options(where, registry, settings["name"], options, keys)
        found.append((where, settings, settings.get("label", settings["name"]), checked))
    _refuse_duplicates(key, [label for _, _, label, _ in found])
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


def _options(
    where: str, registry: Registry, name: str, options: Mapping[str, Any], keys: set[str]
) -> specs.Options:
    """The options that differ from the entry's defaults, in the type of the default."""
    try:
        defaults = registry.options(name)
    except PipelineError as error:
        raise PipelineError(f"{where}: {error}") from None
    for option in options:
        if option not in defaults:
            allowed = ", ".join(sorted(keys | defaults.keys()))
            raise PipelineError(f"{where}: unknown key {option!r} for {name}; allowed: {allowed}")
    values = {
        option: _checked(f"{where}.{option}", value, defaults[option])
        for option, value in sorted(options.items())
    }
    return tuple((name, value) for name, value in values.items() if value != defaults[name].default)


def _checked(where: str, value: Any, option: Option) -> Any:
    """An option's value in the type of its default; a whole number will do for a fraction."""
    default = option.default
    if option.holds:
        return _names(where, value) if option.holds == "Collection" else _shares(where, value)
    if not isinstance(default, str):
        value = number_of(value)
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if isinstance(value, list):
        value = _checked_list(where, value, default)
    if default is not None and type(value) is not type(default):
        raise PipelineError(f"{where}: {value!r} is not of type {type(default).__name__}")
    if isinstance(default, int | float) and not isinstance(default, bool):
        _refuse_out_of_bounds(where, value, option)
    if option.choices is not None and value not in option.choices:
        raise PipelineError(
            f"{where}: {value!r} is not one of {', '.join(map(str, option.choices))}"
        )
    for registry in REGISTRIES:
        if option.note == registry.kind and value not in registry.names():
            known = ", ".join(registry.names())
            raise PipelineError(f"{where}: unknown {registry.kind} {value!r}; known: {known}")
    return value


def _refuse_out_of_bounds(where: str, value: float, option: Option) -> None:
    if value < 0 or (value == 0 and option.default > 0):
        above = "above" if option.default else "at least"
        raise PipelineError(f"{where}: {value!r} is not {above} 0")
    words, _, bound = option.note.rpartition(" ")
    if bound and not (value < float(bound) or (words == "at most" and value == float(bound))):
        raise PipelineError(f"{where}: {value!r} is not {option.note}")


def _names(where: str, given: Any) -> tuple[str, ...]:
    """A list of names, whose order says nothing."""
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise PipelineError(f"{where}: {given!r} is not a list of names")
    return tuple(sorted(set(given)))


def _shares(where: str, given: Any) -> tuple[tuple[str, float], ...]:
    """Names with a number each, whose order says nothing."""
    if not isinstance(given, Mapping):
        raise PipelineError(f"{where}: {given!r} does not give a number to each of some names")
    found = {str(name): number_of(value) for name, value in given.items()}
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PipelineError(f"{where}.{name}: {value!r} is not a number")
    return tuple(sorted((name, float(value)) for name, value in found.items()))


def _checked_list(where: str, values: list[Any], default: Any) -> tuple[Any, ...]:
    """A list's values in the types of the default's, where that is as long a tuple."""
    if not isinstance(default, tuple) or not default:
        return tuple(values)
    if len(values) != len(default):
        raise PipelineError(f"{where}: {values!r} has {len(values)} values, not {len(default)}")
    found = []
    for given, like in zip(map(number_of, values), default, strict=True):
        value = float(given) if isinstance(like, float) and type(given) is int else given
        if type(value) is not type(like):
            raise PipelineError(f"{where}: {given!r} is not of type {type(like).__name__}")
        found.append(value)
    return tuple(found)


def _init(
    where: str, given: Mapping[str, str], networks: Sequence[str], remember: Remember | None
) -> tuple[tuple[str, str, str | None], ...]:
    """The weights of each network that is not trained; see `Entry`."""
    for network in given:
        if network not in networks:
            allowed = ", ".join(networks)
            raise PipelineError(f"{where}: unknown network {network!r}; allowed: {allowed}")
    return tuple(
        (network, *_weights(f"{where}.{network}", source, remember))
        for network, source in sorted(given.items())
    )


def _weights(where: str, given: str, remember: Remember | None) -> tuple[str, str | None]:
    """What tells weights from others: a library's name, or a file's SHA-256; and its path."""
    if given.endswith(".DEFAULT"):
        raise PipelineError(f"{where}: {given} may mean others tomorrow; name the weights")
    if BY_NAME.fullmatch(given):
        return given, None
    path = expanded(where, given)
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), path
    except OSError as error:
        if remember and isinstance(error, FileNotFoundError):
            return remember(path), path
        raise PipelineError(f"{where}: {given}: {error.strerror}") from None


def _refuse_duplicates(key: str, labels: list[Any]) -> None:
    for label in labels:
        if labels.count(label) > 1:
            hint = "" if key == "sparsities" else "; give one of them a `label:`"
            raise PipelineError(f"{key}: {label!r} is given more than once{hint}")
