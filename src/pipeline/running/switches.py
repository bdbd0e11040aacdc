"""Run switches: how to run, apart from the study.

    uv run snakemake --config artifacts=/big/disk engine=compile=true

They are part of no spec, so no artifact's path knows of them.
"""

from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.cache import paths
from pipeline.engine import Engine
from pipeline.errors import PipelineError
from pipeline.running import gpu


def taken_from(config: MutableMapping[str, Any]) -> dict[str, Any]:
    """The switches among a configuration's keys, which are taken out of it; see `Plan` for each.

    Raises:
        PipelineError: a value is wrong; one line says what it may be.
    """
    found = {
        name: _read(name, str(config.pop(name)), read)
        for name, read in SWITCHES.items()
        if name in config
    }
    if "artifacts" in found:
        found.setdefault("output", found["artifacts"])
    return found


def _read(name: str, given: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(given)
    except PipelineError:
        raise
    except ValueError as error:
        raise PipelineError(f"{name}: {given!r} is not {error}") from None


def _folder(given: str) -> Path:
    return paths.absolute_if_outside(Path(given))


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


SWITCHES: dict[str, Callable[[str], Any]] = {
    "artifacts": _folder,
    "output": _folder,
    "frozen": _true_or_false,
    "device": _device,
    "jobs_per_gpu": _positive,
    "engine": Engine.parse,
}
