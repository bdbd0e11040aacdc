"""Checks of a study's keys, types and ranges; a fault is told in one line."""

import math
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.errors import PipelineError
from pipeline.study.reading import number_of

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

SCHEMA = Path(__file__).with_name("schema.yaml")


def validated(content: Mapping[str, Any]) -> dict[str, Any]:
    """A study's content, if its keys, types and ranges are those of the schema.

    Raises:
        PipelineError: something is not; the first fault is told.
    """
    validator = _validator()
    found = deepcopy(dict(content))
    for error in list(validator.iter_errors(found)):
        if error.validator == "type" and error.validator_value == "number" and error.path:
            *above, last = error.path
            parent: Any = found
            for key in above:
                parent = parent[key]
            parent[last] = number_of(error.instance)
    for key, value in found.items():
        _refuse_infinite(str(key), value)
    for error in sorted(validator.iter_errors(found), key=lambda each: list(map(str, each.path))):
        raise PipelineError(_explain(error))
    _check_metrics(found)
    _check_examples(found)
    return found


@cache
def _validator() -> "Validator":
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    # JSON Schema takes 2.0 for an integer; here it would be a fraction to compute with.
    strict = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    checked = extend(Draft202012Validator, type_checker=strict)  # type: ignore[no-untyped-call]
    validator: Validator = checked(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))
    return validator


def _check_metrics(content: Mapping[str, Any]) -> None:
    """Refuse metrics to draw that are not scored, and the accuracy, which is always drawn."""
    wanted = content.get("figures", {}).get("metrics", [])
    if wanted:
        # Most studies name none, and planning starts without numpy then.
        from pipeline.metrics import catalogue

        bins = content.get("score", {}).get("bins", catalogue.BINS)
        known = [key for key in catalogue.keys(bins) if key != "accuracy"]
        for metric in wanted:
            if metric == "accuracy":
                raise PipelineError("figures.metrics: the accuracy is shown beside each of them")
            if metric not in known:
                raise PipelineError(
                    f"figures.metrics: unknown metric {metric!r}; known: {', '.join(known)}"
                )


def _check_examples(content: Mapping[str, Any]) -> None:
    """Refuse examples to draw that are no networks of the study."""
    pruners = [
        entry if isinstance(entry, str) else entry.get("label", entry["name"])
        for entry in content["pruners"]
    ]
    for position, each in enumerate(content.get("figures", {}).get("examples", [])):
        for key, known in (("pruner", pruners), ("sparsity", content["sparsities"])):
            if each[key] not in known:
                listed = ", ".join(map(str, known))
                raise PipelineError(
                    f"figures.examples[{position}]: {key} {each[key]!r} is none of this study's: "
                    f"{listed}"
                )


def _refuse_infinite(where: str, value: Any) -> None:
    """Raise PipelineError where a number is nan or infinite."""
    if isinstance(value, float) and not math.isfinite(value):
        raise PipelineError(f"{where}: {value} is not a finite number")
    if isinstance(value, dict):
        for key, each in value.items():
            _refuse_infinite(f"{where}.{key}", each)
    elif isinstance(value, list):
        for position, each in enumerate(value):
            _refuse_infinite(f"{where}[{position}]", each)


def _explain(error: "ValidationError") -> str:
    where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.path)
    where = where.lstrip(".") or "the study"
    allowed: Any = error.validator_value
    found: Any = error.instance
    schema: Any = error.schema
    match error.validator:
        case "additionalProperties":
            known = schema["properties"]
            unknown = ", ".join(repr(key) for key in found if key not in known)
            return f"{where}: unknown key {unknown}; allowed: {', '.join(known)}"
        case "required":
            missing = ", ".join(repr(key) for key in allowed if key not in found)
            return f"{where}: missing {missing}"
        case "type" if found is None:
            return f"{where}: has no value; give one, or leave the key out"
        case "type":
            kinds = " or ".join([allowed] if isinstance(allowed, str) else allowed)
            return f"{where}: {found!r} is not of type {kinds}"
        case "enum":
            return f"{where}: {found!r} is not one of {', '.join(map(str, allowed))}"
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            return f"{where}: {found!r} is not {_bounds(schema)}"
        case "minItems":
            return f"{where}: needs at least {allowed} value{'s' if allowed > 1 else ''}"
        case "maxLength":
            return f"{where}: {len(found)} characters are too many; at most {allowed}"
        case "uniqueItems":
            return f"{where}: {found!r} holds a duplicate"
        case "pattern":
            return f"{where}: {found!r} may hold only letters, digits, '.', '_' and '-'"
    return f"{where}: {error.message!s}"


def _bounds(schema: Mapping[str, Any]) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above",
             "maximum": "at most", "exclusiveMaximum": "below"}  # fmt: skip
    return " and ".join(f"{word} {schema[key]}" for key, word in words.items() if key in schema)
