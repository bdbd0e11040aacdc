"""Options of entries: known names, and values of the type and range of the default."""

from collections.abc import Mapping
from typing import Any

from pipeline.cache import specs
from pipeline.errors import PipelineError
from pipeline.registry import REGISTRIES, Option, Registry
from pipeline.study.reading import number_of


def checked(
    where: str, settings: Mapping[str, Any], registry: Registry, keys: set[str]
) -> specs.Options:
    """The options among an entry's settings, that is all but `keys`, if they are right."""
    given = {name: value for name, value in settings.items() if name not in keys}
    return _options(where, registry, settings["name"], given, keys)


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
