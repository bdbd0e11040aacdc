"""Test sets: other images for the networks of a study, beside their data set's own test images.

    {name: corruption, kind: [gaussian_noise, jpeg_compression], severity: [1, 3, 5]}

are six: an option may list what it is to be in one test set after the other.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from pipeline.cache import specs
from pipeline.errors import PipelineError
from pipeline.registry import DATASETS, TEST_SETS
from pipeline.study import entries
from pipeline.study import options as given_options

# What the axis `test_set` says of a data set's own test images, and of held-out training images.
OWN, VALIDATION = "test", "validation"
# As in schema.yaml.
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
KEYS = {
    "shift": {"name", "label", "version", "path"},
    "ood": {"name", "label", "version", "path", "role"},
}


@dataclass(frozen=True)
class TestSet:
    """An entry of `test_sets:`, for whichever data set."""

    name: str
    label: str
    role: str
    version: int = 1
    options: specs.Options = ()
    access: specs.Options = ()

    def of(self, data: specs.Data, seed: int) -> specs.Data:
        """The test set for the networks of a data set; `seed` is for what is made at random."""
        # Of another data set's images, only the size and the normalisation are this one's.
        base = replace(data, test_version=1) if self.role == "ood" else data
        spec = specs.Data(
            self.name, self.label, self.version, self.options, self.access, of=base, role=self.role
        )
        return replace(spec, seed=seed) if spec.source is not spec else spec


def read(given: Sequence[Mapping[str, Any]], data: Sequence[specs.Data]) -> tuple[TestSet, ...]:
    """The test sets of a study with these data sets.

    Raises:
        PipelineError: a name, an option or a label is wrong, or a test set is a data set's own.
    """
    found = [
        _entry(f"test_sets[{position}]", settings)
        for position, item in enumerate(given)
        for settings in _each(f"test_sets[{position}]", item)
    ]
    labels = [each.label for each in found]
    for label in (OWN, VALIDATION):
        if label in labels:
            raise PipelineError(
                f"test_sets: the label {label!r} stands for a data set's own images"
            )
    entries.refuse_duplicates("test_sets", labels)
    for each, other in product(found, data):
        if each.role == "ood" and (each.name, each.options) == (other.dataset, other.options):
            path = dict(each.access).get("path")
            if path == dict(other.access).get("path"):
                raise PipelineError(
                    f"test_sets: {each.label!r} is what networks are trained with, so none of its "
                    "images is out of distribution"
                )
    return tuple(found)


def of_dataset(
    data: specs.Data, given: Sequence[TestSet], seed: int
) -> Iterator[tuple[str, specs.Data | None]]:
    """The value on the axis `test_set`, and the test set's spec; None for the data set's own."""
    yield OWN, None
    if data.validation:
        base = replace(data, test_version=1)
        yield (
            VALIDATION,
            replace(base, label=VALIDATION, validation=0.0, seed=0, of=base, role=VALIDATION),
        )
    for each in given:
        yield each.label, each.of(data, seed)


def _each(where: str, item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The entry's settings, once for each value of options that are lists."""
    settings = dict(item)
    listed = [key for key, value in settings.items() if isinstance(value, list)]
    if settings.get("role") == "ood":
        listed = []  # a data set's options may be lists
    for key in listed:
        if not settings[key]:
            raise PipelineError(f"{where}.{key}: needs at least 1 value")
    if listed and "label" in settings:
        raise PipelineError(f"{where}: one label cannot name several test sets; leave it out")
    for values in product(*(settings[key] for key in listed)):
        yield settings | dict(zip(listed, values, strict=True))


def _entry(where: str, settings: Mapping[str, Any]) -> TestSet:
    name = settings["name"]
    role = settings.get("role", "shift")
    registry = DATASETS if role == "ood" else TEST_SETS
    if role == "shift" and name not in TEST_SETS.names() and name in DATASETS.names():
        raise PipelineError(
            f"{where}: {name!r} is a data set; `role: ood` makes it one whose images are of none "
            "of the classes"
        )
    options = given_options.checked(where, settings, registry, KEYS[role])
    known = registry.options(name) if role == "shift" else {}
    for option, about in known.items():
        if about.choices and about.default not in about.choices and option not in dict(options):
            allowed = ", ".join(map(str, about.choices))
            raise PipelineError(f"{where}: missing {option!r}; one of {allowed}")
    wanted = registry.constant(name, "PATH", "") if role == "shift" else ""
    if wanted and "path" not in settings:
        raise PipelineError(f"{where}: missing 'path': {wanted}")
    values = [str(value) for option, value in options if option in known]
    label = settings.get("label", "-".join(values) or name)
    if not LABEL.fullmatch(label):
        raise PipelineError(f"{where}: {label!r} cannot be a folder's name; give it a `label:`")
    return TestSet(
        name,
        label,
        role,
        settings.get("version", 1),
        tuple(option for option in options if option[0] not in entries.ACCESS),
        entries.access(where, settings),
    )
