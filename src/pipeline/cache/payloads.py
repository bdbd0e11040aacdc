"""What the stages hand on: networks, data sets and predictions, each as one safetensors file."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.cache.files import (
    TYPES,
    Arrays,
    atomic,
    expect,
    map_arrays,
    mend,
    read_arrays,
    write_arrays,
)
from pipeline.cache.stored_datasets import load_dataset, save_dataset, tensors
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "Predictions",
    "load_dataset",
    "load_model",
    "load_predictions",
    "save_dataset",
    "save_model",
    "save_predictions",
    "writing_predictions",
]


def save_model(path: Path, model: "nn.Module") -> None:
    """Write a network's tensors, and in words how to build it.

    Raises:
        PipelineError: numbers in it are not finite: the last step of its training diverged.
    """
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise PipelineError(
                f"training diverged: {name} holds numbers that are not finite; a lower lr or a "
                "longer warm-up may help"
            )
    write_arrays(path, arrays, model.description.to_json())  # type: ignore[operator, union-attr]


def load_model(path: Path) -> "nn.Module":
    """Read a network, pruned or not, in evaluation mode."""
    from pipeline.models import Description, rebuild

    arrays, description = read_arrays(path)
    try:
        return rebuild(Description.from_json(description), tensors(arrays)).eval()
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, MemoryError) as error:
        reason = str(error).partition("\n")[0]
        raise PipelineError(f"{path} does not hold a network: {reason}; {mend(path)}") from None


@dataclass(frozen=True)
class Predictions:
    """What one network says about the test set.

    Attributes:
        logits: Float [S, N, C]: S passes, one unless dropout was active.
        labels: Int64 [N], the true classes.
        ids: Int64 [N], which image each row is.
        parameters: The network's number of parameters.
        macs: Its multiply-accumulate operations for one image.
    """

    logits: npt.NDArray[np.floating[Any]]
    labels: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    parameters: int = 0
    macs: int = 0


def save_predictions(
    path: Path,
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    ids: npt.ArrayLike,
    *,
    parameters: int = 0,
    macs: int = 0,
) -> None:
    """Write logits [S, N, C] with labels [N] and ids [N]; shapes that do not fit are refused.

    Labels and ids may be of any type that holds integers; int64 is written.
    """
    arrays = {"logits": np.asarray(logits)}
    for name, value in (("labels", labels), ("ids", ids)):
        arrays[name] = _integers(path, name, np.asarray(value))
    _check_predictions(path, arrays)
    values = arrays["logits"]
    with writing_predictions(
        path,
        arrays["labels"],
        arrays["ids"],
        samples=len(values),
        classes=values.shape[2],
        precision=values.dtype.name,
        parameters=parameters,
        macs=macs,
    ) as append:
        append(values)


def _integers(path: Path, name: str, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
    if not np.array_equal(whole, values):
        raise PipelineError(f"{path}: {name} are not all integers that fit into 64 bits")
    return whole


@contextmanager
def writing_predictions(
    path: Path,
    labels: npt.ArrayLike,
    ids: npt.ArrayLike,
    *,
    samples: int,
    classes: int,
    precision: str = "float32",
    parameters: int = 0,
    macs: int = 0,
) -> Iterator[Callable[[npt.NDArray[Any]], None]]:
    """Write predictions a few images at a time, so that the logits need not fit into memory.

        with writing_predictions(path, labels, ids, samples=5, classes=1000) as append:
            append(logits)  # [5, B, 1000], of the next B images

    The file is that of :func:`write_arrays`, byte for byte.

    Raises:
        PipelineError: logits of another shape are appended, or fewer or more than the labels.
    """
    known = {
        name: _integers(path, name, np.asarray(value))
        for name, value in (("labels", labels), ("ids", ids))
    }
    count = len(known["labels"])
    wanted = {name: (array.dtype, array.shape) for name, array in known.items()}
    wanted["logits"] = (np.dtype(precision), (samples, count, classes))
    header, offsets = _header(wanted, {"parameters": parameters, "macs": macs})
    done = 0

    with atomic(path) as temporary, temporary.open("wb") as file:

        def append(logits: npt.NDArray[Any]) -> None:
            nonlocal done
            images = logits.shape[1] if logits.ndim == 3 else 0
            if logits.shape != (samples, images, classes) or done + images > count:
                room = f"[{samples}, {count - done} or fewer, {classes}]"
                raise PipelineError(f"{path}: logits {logits.shape} do not fit into {room}")
            for sample, rows in enumerate(logits):
                position = (sample * count + done) * classes
                file.seek(offsets["logits"] + position * np.dtype(precision).itemsize)
                file.write(np.require(rows, precision, "C").tobytes())
            done += images

        file.write(header)
        for name, array in known.items():
            file.seek(offsets[name])
            file.write(array.tobytes())
        yield append
        if done < count:
            raise PipelineError(f"{path}: logits of {done} images, expected {count}")


def _header(
    wanted: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]], description: Mapping[str, Any]
) -> tuple[bytes, dict[str, int]]:
    """The head of a safetensors file of arrays of these types and shapes, and where each begins."""
    order = list(TYPES)
    layout: dict[str, Any] = {"__metadata__": {"description": json.dumps(description)}}
    end = 0
    for name, (dtype, shape) in sorted(
        wanted.items(), key=lambda item: (order.index(item[1][0].name), item[0])
    ):
        begin, end = end, end + int(np.prod(shape)) * dtype.itemsize
        layout[name] = {"dtype": TYPES[dtype.name], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(layout, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    head = len(text).to_bytes(8, "little") + text
    return head, {name: len(head) + layout[name]["data_offsets"][0] for name in wanted}


def load_predictions(path: Path) -> Predictions:
    """Read the logits of one network; they are fetched from the file when they are used."""
    arrays, description = map_arrays(path)
    expect(path, arrays, "logits", "labels", "ids")
    _check_predictions(path, arrays)
    try:
        return Predictions(arrays["logits"], arrays["labels"], arrays["ids"], **description)
    except TypeError:
        raise PipelineError(f"{path} does not hold predictions; {mend(path)}") from None


def _check_predictions(path: Path, arrays: Arrays) -> None:
    logits, labels, ids = arrays["logits"], arrays["labels"], arrays["ids"]
    if not (logits.ndim == 3 and logits.shape[1:2] == labels.shape == ids.shape):
        shapes = f"{logits.shape}, {labels.shape}, {ids.shape}"
        raise PipelineError(
            f"{path}: logits, labels, ids must be [S, N, C], [N], [N]; got {shapes}"
        )
