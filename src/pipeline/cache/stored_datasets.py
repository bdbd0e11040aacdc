"""Data sets as the data stage writes them, each as one safetensors file."""

from dataclasses import Field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cache import origins
from pipeline.cache.files import Arrays, expect, mend, read_arrays, write_arrays
from pipeline.cache.specs import Data
from pipeline.errors import PipelineError
from pipeline.registry import TEST_SETS

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.datasets import AnyDataset, StreamedDataset


def save_dataset(path: Path, dataset: "AnyDataset") -> None:
    """Write a data set: its images or the names of its files, labels and ids."""
    parts = {"train": dataset.train, "test": dataset.test}
    arrays = {
        f"{name}_{field.name}": getattr(part, field.name).numpy()
        for name, part in parts.items()
        for field in fields(part)
        if _is_stored(field, part)
    }
    description = {
        field.name: getattr(dataset, field.name)
        for field in fields(dataset)
        if field.name not in parts and _is_stored(field, dataset)
    }
    write_arrays(path, arrays, description)


def _is_stored(field: "Field[Any]", holder: Any) -> bool:
    """Whether a field of a data set is written; see `pipeline.datasets.shared.types`."""
    when = field.metadata.get("stored", "always")
    if when == "if changed":
        return bool(getattr(holder, field.name) != field.default)
    return bool(when == "always")


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
    names = [field.name for field in fields(part) if "stored" not in field.metadata]
    expect(path, arrays, *(f"{each}_{name}" for each in ("train", "test") for name in names))
    found = tensors(arrays)
    train, test = (part(*(found[f"{each}_{name}"] for name in names)) for each in ("train", "test"))
    try:
        others: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in description.items()
        }
        if streamed:
            others |= _whereabouts(spec)
        dataset: AnyDataset = kind(train=train, test=test, **others)  # type: ignore[arg-type]
        dataset.check()
        if isinstance(dataset, StreamedDataset):
            dataset = _digested(path, dataset)
            if spec is not None and spec.role == "shift":
                dataset = shifted(spec, dataset)
    except (PipelineError, TypeError, IndexError) as error:
        raise PipelineError(f"{path} does not hold a data set: {error}; {mend(path)}") from None
    if isinstance(dataset, StreamedDataset) and not dataset.root.is_dir():
        raise PipelineError(f"{dataset.root} is missing, where the images of {path} lie")
    return dataset


def _digested(path: Path, dataset: "StreamedDataset") -> "StreamedDataset":
    """The same data set with the digests of its files, where they lie beside it."""
    import torch

    listing = origins.listing(dataset.train, dataset.test)
    if (found := origins.load_digests(path.parent, listing)) is None:
        return dataset
    train, test = (
        replace(part, digests=torch.from_numpy(found[name]))
        for name, part in (("train", dataset.train), ("test", dataset.test))
    )
    return replace(dataset, train=train, test=test)


def _whereabouts(spec: Data | None) -> dict[str, Any]:
    """Where a streamed data set's files lie, and what decodes them."""
    if spec is None:
        return {}
    decoder = dict(spec.source.access).get("decoder", "pillow")
    return {"root": origins.root(spec), "decoder": decoder}


def shifted(spec: Data, dataset: "AnyDataset") -> "AnyDataset":
    """A data set with the test images of a shifted test set.

    Args:
        spec: Of the test set.
        dataset: The data set; of images in files, it may be what this function has returned.
    """
    access = dict(spec.access)
    path = Path(access["path"]) if "path" in access else None
    entry = TEST_SETS.load(spec.dataset)
    found: AnyDataset = entry.shifted(dataset, path, seed=spec.seed, **dict(spec.options))
    return found


def tensors(arrays: Arrays) -> "dict[str, Tensor]":
    """The same arrays for torch."""
    import torch

    return {name: torch.from_numpy(array) for name, array in arrays.items()}
