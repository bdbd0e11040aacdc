"""Data sets: one module each, whose `load` reads the raw files.

Small images are read at once into uint8 tensors, a :class:`Dataset`. Large ones stay in their files
and are decoded whenever they are used: a :class:`StreamedDataset` only lists them. The data stage
calls `load` once, checks what it returns and stores it; later stages read that artifact, so none of
them downloads, searches a folder, or imports a reader. An entry looks like this:

    def load(path: Path | None) -> Dataset:
        ...

What the entries share is in `pipeline.datasets.shared`.
"""

from pipeline.datasets.shared.types import (
    AnyDataset,
    Dataset,
    ImageFiles,
    ImageSet,
    StreamedDataset,
)

__all__ = ["AnyDataset", "Dataset", "ImageFiles", "ImageSet", "StreamedDataset"]
