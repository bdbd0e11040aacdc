"""What all specs share: parents, fingerprint, JSON, and the list of the stages.

The fingerprint is a short hash of the fields that differ from their defaults, the identity of the
code that computes the stage, and the parents' fingerprints. A new field with a default therefore
keeps every fingerprint, and a default must never change once released.
"""

import hashlib
import json
from dataclasses import MISSING, Field, dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

from pipeline.cache import code_identity
from pipeline.cache.recipe import Recipe

# The spec class of each stage, in the order in which the classes are defined.
STAGES: dict[str, type["Spec"]] = {}


@dataclass(frozen=True)
class Spec:
    """The complete recipe of one artifact; a subclass that names a stage is that stage's.

    Attributes:
        stage: The stage's name: of its module in `pipeline.stages`, and of its rule.
        payload: The files of an artifact; the first one is what later stages read.
        uses_gpu: Whether a GPU makes the stage's jobs faster.
        reads_files: Whether threads are for reading files; the stage computes with one, since the
            bits of a result depend on their number.
        when_frozen: Whether artifacts are made in frozen mode too, from what is cached.
    """

    stage: ClassVar[str]
    payload: ClassVar[tuple[str, ...]]
    uses_gpu: ClassVar[bool] = False
    reads_files: ClassVar[bool] = False
    when_frozen: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        if "stage" in vars(cls):
            STAGES[cls.stage] = cls

    @property
    def place(self) -> str:
        """What the artifact is about, in words, such as ``digits/resnet18/plain-0/l1-0.4``."""
        return self.parents()[0].place

    def units(self) -> list[str]:
        """The units of code that compute this stage, its parents' apart."""
        return [f"stages.{self.stage}"]

    def parents(self) -> list["Spec"]:
        """The specs that this one holds: what the artifact is made from."""
        values = (getattr(self, each.name) for each in fields(self))
        return [part for value in values for part in _parts(value) if isinstance(part, Spec)]

    def reads(self) -> list["Spec"]:
        """The artifacts whose files the stage reads."""
        return self.parents()

    def looks_at(self) -> "tuple[Spec, str] | None":
        """The data set whose images the stage looks at, and which: ``train`` or ``test``."""
        return None

    def traits(self) -> tuple[Any, ...]:
        """What makes jobs of this stage take alike long, the most telling first."""
        return ()

    @cached_property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that stand for everything the output is made from."""
        content = {
            "stage": self.stage,
            "fields": _identity_fields(self),
            "code": {unit: code_identity.identity(unit) for unit in self.units()},
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def to_json(self) -> dict[str, Any]:
        """The complete spec as JSON-able data; :func:`from_json` is the inverse."""
        return {"stage": self.stage} | {
            each.name: _plain(getattr(self, each.name))
            for each in fields(self)
            if getattr(self, each.name) != _default(each)
        }


def from_json(content: dict[str, Any]) -> Spec:
    """The spec that :meth:`Spec.to_json` wrote."""
    spec = STAGES[content["stage"]]
    return spec(
        **{name: _revived(name, value) for name, value in content.items() if name != "stage"}
    )


def _revived(name: str, value: Any) -> Any:
    if name == "recipe":
        return Recipe(**value)
    if isinstance(value, dict):
        return from_json(value)
    if isinstance(value, list):
        return tuple(_revived("", item) for item in value)
    return value


def _default(each: "Field[Any]") -> Any:
    return each.default if each.default is not MISSING else object()


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_json()
    if isinstance(value, Recipe):
        return _recipe_fields(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _recipe_fields(recipe: Recipe) -> dict[str, Any]:
    return {
        each.name: getattr(recipe, each.name)
        for each in fields(recipe)
        if getattr(recipe, each.name) != _default(each)
    }


def _identity_fields(spec: Spec) -> dict[str, Any]:
    return {
        each.name: _identity(getattr(spec, each.name))
        for each in fields(spec)
        if each.metadata.get("identity", True) and getattr(spec, each.name) != _default(each)
    }


def _identity(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.fingerprint
    if isinstance(value, Recipe):
        return _recipe_fields(value)
    return [_identity(item) for item in value] if isinstance(value, tuple) else value
