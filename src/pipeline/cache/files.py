"""Files that are complete or not there: safetensors and JSON.

Every file is written under a temporary name, flushed and renamed. Nothing is ever unpickled; a file
that is truncated or foreign is a PipelineError that names it.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from pipeline.errors import PipelineError

Arrays = dict[str, npt.NDArray[Any]]

# What safetensors calls the types of numpy, the most strictly aligned first: so it orders tensors.
TYPES = {"int64": "I64", "float64": "F64", "float32": "F32", "int32": "I32", "float16": "F16"}


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        # A disk that is full does not say whose.
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file at once."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON; nan is refused, since JSON has none."""
    write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON; anything else is a PipelineError that names the file."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise PipelineError(f"{path} is missing") from None
    except (ValueError, RecursionError):
        raise PipelineError(f"{path} is not valid JSON; {mend(path)}") from None


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_arrays(path: Path, arrays: Arrays, description: Mapping[str, Any]) -> None:
    """Write numpy arrays and a JSON-able description as one safetensors file."""
    contiguous = {name: np.require(array, requirements="C") for name, array in arrays.items()}
    text = json.dumps(description, allow_nan=False)
    write_bytes(path, serialise(contiguous, metadata={"description": text}))


def read_arrays(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read what :func:`write_arrays` wrote.

    Raises:
        PipelineError: the file is missing, truncated, or not one of the pipeline's.
    """
    with _opened(path) as (file, description):
        return {name: file.get_tensor(name) for name in file.keys()}, description  # noqa: SIM118


def map_arrays(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read what :func:`write_arrays` wrote as arrays whose content is fetched when it is used.

    Raises:
        PipelineError: as for :func:`read_arrays`, or an array is of a type not in `TYPES`.
    """
    names = {code: name for name, code in TYPES.items()}
    with _opened(path) as (file, description), path.open("rb") as raw:
        layout = json.loads(raw.read(int.from_bytes(raw.read(8), "little")))
        content = np.memmap(path, np.uint8, mode="r")[raw.tell() :]
        arrays = {}
        for name in file.keys():  # noqa: SIM118
            begin, end = layout[name]["data_offsets"]
            array = content[begin:end].view(names[layout[name]["dtype"]])
            arrays[name] = array.reshape(layout[name]["shape"])
        return arrays, description


def read_description(path: Path) -> dict[str, Any]:
    """Read only the description that :func:`write_arrays` wrote, with the same errors."""
    with _opened(path) as (_, description):
        return description


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    try:
        with safe_open(path, framework="np") as file:
            description = json.loads(file.metadata()["description"])
            if not isinstance(description, dict):
                raise TypeError(description)
            yield file, description
    except FileNotFoundError:
        raise PipelineError(f"{path} is missing") from None
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        raise PipelineError(
            f"{path} is damaged or not a file of this pipeline; {mend(path)}"
        ) from None


def mend(path: Path) -> str:
    """What to do about a file that is not as it should be."""
    return f"delete {path.parent} and run snakemake again"


def expect(path: Path, arrays: Arrays, *names: str) -> None:
    """Raise PipelineError unless a file holds the arrays of these names."""
    missing = [name for name in names if name not in arrays]
    if missing:
        raise PipelineError(f"{path} lacks {', '.join(missing)}; {mend(path)}")
