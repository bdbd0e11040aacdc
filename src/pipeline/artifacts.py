"""Artifacts: safetensors and JSON files that are complete or not there.

Every file is written under a temporary name, flushed and renamed. An artifact's payload comes
first and its ``manifest.json`` last, so a folder with a manifest is finished. Nothing is ever
unpickled; a file that is truncated or foreign is a PipelineError that names it.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from pipeline import paths
from pipeline.errors import PipelineError
from pipeline.specs import AnySpec, Data, from_json

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipeline.datasets import AnyDataset

Arrays = dict[str, npt.NDArray[Any]]

# What safetensors calls the types of numpy, the most strictly aligned first: so it orders tensors.
TYPES = {"int64": "I64", "float64": "F64", "float32": "F32", "int32": "I32", "float16": "F16"}

FOLDER = re.compile(rf"({'|'.join(paths.PAYLOADS)})~[0-9a-f]{{8}}")


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
        raise PipelineError(f"{path} is not valid JSON; {_mend(path)}") from None


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
            f"{path} is damaged or not a file of this pipeline; {_mend(path)}"
        ) from None


def _mend(path: Path) -> str:
    return f"delete {path.parent} and run snakemake again"


def _expect(path: Path, arrays: Arrays, *names: str) -> None:
    missing = [name for name in names if name not in arrays]
    if missing:
        raise PipelineError(f"{path} lacks {', '.join(missing)}; {_mend(path)}")


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
        return rebuild(Description.from_json(description), _tensors(arrays)).eval()
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, MemoryError) as error:
        reason = str(error).partition("\n")[0]
        raise PipelineError(f"{path} does not hold a network: {reason}; {_mend(path)}") from None


def _tensors(arrays: Arrays) -> "dict[str, Tensor]":
    import torch

    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def save_dataset(path: Path, dataset: "AnyDataset") -> None:
    """Write a data set: its images or the names of its files, labels and ids."""
    parts = {"train": dataset.train, "test": dataset.test}
    arrays = {
        f"{name}_{field.name}": getattr(part, field.name).numpy()
        for name, part in parts.items()
        for field in fields(part)
    }
    # Where the files lie is for the one who reads them to say: they may move.
    others = {"root", "decoder", *parts}
    description = {name: value for name, value in vars(dataset).items() if name not in others}
    write_arrays(path, arrays, description)


def load_dataset(path: Path, spec: Data | None = None) -> "AnyDataset":
    """Read a data set.

    Args:
        path: What :func:`save_dataset` wrote.
        spec: Of the data set; where its images are streamed, this says from where.
    """
    from pipeline.datasets import Dataset, ImageFiles, ImageSet, StreamedDataset

    arrays, description = read_arrays(path)
    streamed = "train_names" in arrays
    kind, part = (StreamedDataset, ImageFiles) if streamed else (Dataset, ImageSet)
    names = [field.name for field in fields(part)]
    _expect(path, arrays, *(f"{each}_{name}" for each in ("train", "test") for name in names))
    tensors = _tensors(arrays)
    train, test = (
        part(*(tensors[f"{each}_{name}"] for name in names)) for each in ("train", "test")
    )
    try:
        others: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in description.items()
        }
        if streamed:
            others |= _whereabouts(spec)
        dataset: AnyDataset = kind(train=train, test=test, **others)  # type: ignore[arg-type]
        dataset.check()
    except (PipelineError, TypeError, IndexError) as error:
        raise PipelineError(f"{path} does not hold a data set: {error}; {_mend(path)}") from None
    if isinstance(dataset, StreamedDataset) and not dataset.root.is_dir():
        raise PipelineError(f"{dataset.root} is missing, where the images of {path} lie")
    return dataset


def _whereabouts(spec: Data | None) -> dict[str, Any]:
    """Where a streamed data set's files lie, and what decodes them."""
    if spec is None:
        return {}
    access = dict(spec.access)
    root = Path(access.pop("path", f"data/{spec.dataset}"))
    return {"root": root, "decoder": access.get("decoder", "pillow")}


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
    """Write logits [S, N, C] with labels [N] and ids [N]; shapes that do not fit are refused."""
    arrays = {name: np.asarray(value) for name, value in
              (("logits", logits), ("labels", labels), ("ids", ids))}  # fmt: skip
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
    known = {"labels": np.asarray(labels), "ids": np.asarray(ids)}
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
    _expect(path, arrays, "logits", "labels", "ids")
    _check_predictions(path, arrays)
    try:
        return Predictions(arrays["logits"], arrays["labels"], arrays["ids"], **description)
    except TypeError:
        raise PipelineError(f"{path} does not hold predictions; {_mend(path)}") from None


def _check_predictions(path: Path, arrays: Arrays) -> None:
    logits, labels, ids = arrays["logits"], arrays["labels"], arrays["ids"]
    if not (logits.ndim == 3 and logits.shape[1:2] == labels.shape == ids.shape):
        shapes = f"{logits.shape}, {labels.shape}, {ids.shape}"
        raise PipelineError(
            f"{path}: logits, labels, ids must be [S, N, C], [N], [N]; got {shapes}"
        )


@dataclass(frozen=True)
class Manifest:
    """What a finished artifact is: its spec, and the SHA-256 of its files and of its parents."""

    fingerprint: str
    spec: dict[str, Any]
    files: dict[str, str]
    parents: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write it into an artifact's folder: from now on the artifact is finished."""
        write_json(folder / paths.MANIFEST, asdict(self))


def read_manifest(folder: Path) -> Manifest:
    """Read an artifact's manifest.

    Raises:
        PipelineError: it is missing or damaged.
    """
    path = folder / paths.MANIFEST
    content = read_json(path)
    try:
        manifest = Manifest(**content)
    except TypeError:
        raise PipelineError(f"{path} is not a manifest; {_mend(path)}") from None
    parts = (manifest.spec, manifest.files, manifest.parents)
    if not (isinstance(manifest.fingerprint, str) and all(isinstance(p, dict) for p in parts)):
        raise PipelineError(f"{path} is not a manifest; {_mend(path)}")
    return manifest


def check(folder: Path, spec: AnySpec) -> Manifest:
    """The manifest of a finished artifact whose files are as they were written.

    Raises:
        PipelineError: something is missing, damaged, or made for another spec.
    """
    manifest = read_manifest(folder)
    if manifest.fingerprint != spec.fingerprint:
        found, wanted = manifest.fingerprint, spec.fingerprint
        raise PipelineError(
            f"{folder} holds {found}, not {wanted}; {_mend(folder / paths.MANIFEST)}"
        )
    for name in paths.PAYLOADS[spec.stage]:
        path = folder / name
        if not path.is_file():
            raise PipelineError(f"{path} is missing; {_mend(path)}")
        if sha256(path) != manifest.files.get(name):
            raise PipelineError(f"{path} is not the file that was written; {_mend(path)}")
    return manifest


def is_finished(folder: Path, spec: AnySpec) -> bool:
    """Whether an artifact is there, as far as can be told without reading its payload."""
    with suppress(PipelineError):
        return read_manifest(folder).fingerprint == spec.fingerprint and all(
            (folder / name).is_file() for name in paths.PAYLOADS[spec.stage]
        )
    return False


def folders(root: Path) -> Iterator[Path]:
    """The folders of all artifacts, finished or not; those of the studies are none."""
    for place, names, _ in os.walk(root):
        yield from (Path(place, name) for name in sorted(names) if FOLDER.fullmatch(name))
        names[:] = sorted(
            name
            for name in names
            if "~" not in name and Path(place, name) != paths.study_folder(root, "")
        )


def recorded_spec(manifest: Manifest) -> AnySpec | None:
    """The spec that a manifest records; None if the present code would make another artifact."""
    with suppress(LookupError, TypeError, ValueError, AttributeError, RecursionError):
        spec = from_json(manifest.spec)
        if spec.fingerprint == manifest.fingerprint:
            return spec
    return None


def with_descendants(root: Path, chosen: Iterable[str]) -> set[str]:
    """Artifacts' folders, relative to `root`, and those of all that was made from them."""
    children: dict[str, set[str]] = {}
    for folder in folders(root):
        with suppress(PipelineError):
            manifest = read_manifest(folder)
            # What lies between may have been deleted: a checkpoint whose predictions are there.
            spec = recorded_spec(manifest)
            for parent in {*manifest.parents, *(_ancestors(spec) if spec else ())}:
                children.setdefault(parent, set()).add(str(folder.relative_to(root)))
    found: set[str] = set()
    waiting = set(chosen)
    while waiting:
        folder_name = waiting.pop()
        found.add(folder_name)
        waiting |= children.get(folder_name, set()) - found
    return found


def _ancestors(spec: AnySpec) -> Iterator[str]:
    for parent in spec.parents():
        yield paths.folder(parent)
        yield from _ancestors(parent)
