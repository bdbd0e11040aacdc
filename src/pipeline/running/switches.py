"""Run switches: how to run, apart from the study.

    uv run snakemake --config artifacts=/big/disk engine=compile=true

They are part of no spec, so no artifact's path knows of them. A field of :class:`Switches` is all
that a new one needs: it is read from the configuration, handed to the jobs on their command line,
and read there again.
"""

import argparse
import os
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pipeline.cache import paths
from pipeline.cache.specs import Spec
from pipeline.engine import DEFAULT, Engine
from pipeline.errors import PipelineError
from pipeline.running import gpu


def _folder(given: str) -> Path:
    if not given:
        raise ValueError("a folder's name")
    if "{" in given or "}" in given:
        raise ValueError("a folder without braces, which Snakemake takes for wildcards")
    return paths.absolute_if_outside(Path(os.path.expandvars(given)).expanduser())


def _true_or_false(given: str) -> bool:
    return _one_of(("false", "true"), given.lower()) == "true"


def _one_of(choices: Sequence[str], given: str) -> str:
    if given not in choices:
        raise ValueError(f"one of {', '.join(choices)}")
    return given


def _device(given: str) -> str:
    return _one_of(gpu.CHOICES, given)


def _positive(given: str) -> int:
    if not given.isdecimal() or int(given) == 0:
        raise ValueError("a whole number above 0")
    return int(given)


@dataclass(frozen=True)
class Switches:
    """How a study is run.

    Attributes:
        artifacts: The folder of all artifacts.
        output: Where tables and figures go, and in frozen mode new scores; None for `artifacts`.
        frozen: Whether only scores, tables and figures may be made, from cached predictions.
        device: Where networks run: ``auto``, on a GPU if there is one, or ``cpu``.
        jobs_per_gpu: How many jobs share a GPU.
        engine: How networks are run.
    """

    artifacts: Path = field(default=Path("artifacts"), metadata={"read": _folder})
    output: Path | None = field(default=None, metadata={"read": _folder})
    frozen: bool = field(default=False, metadata={"read": _true_or_false})
    device: str = field(default="auto", metadata={"read": _device})
    jobs_per_gpu: int = field(default=1, metadata={"read": _positive})
    engine: Engine = field(default=DEFAULT, metadata={"read": Engine.parse})

    @classmethod
    def taken_from(cls, config: MutableMapping[str, Any]) -> "Switches":
        """The switches among a configuration's keys, which are taken out of it.

        Raises:
            PipelineError: a value is wrong; one line says what it may be.
        """
        given = {each: config.pop(each.name) for each in fields(cls) if each.name in config}
        return cls(
            **{each.name: _read(each.name, value, **each.metadata) for each, value in given.items()}
        )

    @classmethod
    def declare(cls, parser: argparse.ArgumentParser) -> None:
        """Add an argument for each switch to a job's parser."""
        for each in fields(cls):
            parser.add_argument(_flag(each.name), help=f"default: {each.default}")

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> "Switches":
        """The switches that a job was called with; see :meth:`taken_from` for errors."""
        given = {each.name: getattr(arguments, each.name) for each in fields(cls)}
        return cls.taken_from({name: text for name, text in given.items() if text is not None})

    def given(self) -> dict[str, str]:
        """The switches that differ from their defaults, as a configuration spells them."""
        return {
            each.name: _spelled(value)
            for each in fields(self)
            if (value := getattr(self, each.name)) != each.default
        }

    def arguments(self) -> list[str]:
        """The same as a job's command line spells them."""
        return [word for name, text in self.given().items() for word in (_flag(name), text)]

    def root(self, stage: type[Spec]) -> Path:
        """The folder under which a stage's artifacts lie."""
        return self.results if self.frozen and stage.when_frozen else self.artifacts

    @property
    def results(self) -> Path:
        """The folder under which the studies' tables and figures lie."""
        return self.output or self.artifacts


def _read(name: str, given: Any, read: Callable[[str], Any]) -> Any:
    text = "" if given is None else str(given)
    try:
        return read(text)
    except PipelineError:
        raise
    except ValueError as error:
        raise PipelineError(f"{name}: {text!r} is not {error}") from None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
