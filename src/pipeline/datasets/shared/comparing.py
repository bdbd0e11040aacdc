"""Whether a folder holds what a data set was read from."""

import os
from collections.abc import Iterator
from pathlib import Path

import torch

from pipeline.datasets.shared.inspection import inspect
from pipeline.datasets.shared.types import (
    AnyDataset,
    Dataset,
    ImageFiles,
    StreamedDataset,
    is_hidden,
)

PARTS = {"train": "training", "test": "test"}


def differences(
    stored: AnyDataset, found: AnyDataset, parts: tuple[str, ...], threads: int
) -> dict[str, str]:
    """What is different in which part, in words; nothing where a path holds the same.

    Args:
        stored: The data set of an artifact, with the digests of its files if there are any.
        found: What the data set's reader finds at the path.
        parts: Which sets matter: ``train``, ``test``, or both.
        threads: How many files are read at a time.
    """
    if type(stored) is not type(found):
        return dict.fromkeys(parts, "images in files there, in memory here")
    shared = [
        name
        for name in ("classes", "mean", "std", "pad", "flip", "scale", "image_size", "resize_size")
        if getattr(stored, name, None) != getattr(found, name, None)
    ]
    if shared:
        return dict.fromkeys(parts, f"other {', '.join(shared)}")
    result = {}
    for part in parts:
        one, other = getattr(stored, part), getattr(found, part)
        if isinstance(stored, Dataset):
            names = [
                name
                for name in ("images", "labels", "ids")
                if not torch.equal(getattr(one, name), getattr(other, name))
            ]
            if names:
                result[part] = f"other {PARTS[part]} {' and '.join(names)}"
        else:
            assert isinstance(found, StreamedDataset)
            if said := _of_files(one, other, found.root, PARTS[part], threads):
                result[part] = said
    return result


def _of_files(one: ImageFiles, other: ImageFiles, root: Path, what: str, threads: int) -> str:
    here, there = dict(_listed(one)), dict(_listed(other))
    if lacking := here.keys() - there.keys():
        return f"{len(lacking):,} of {len(here):,} {what} files are missing, such as {min(lacking)}"
    if more := there.keys() - here.keys():
        return f"{len(more):,} more {what} files, such as {min(more)}"
    if labelled := [name for name in here if here[name][1] != there[name][1]]:
        return f"{len(labelled):,} {what} files are of another class, such as {labelled[0]}"
    changed = {name for name in here if here[name] != there[name]}
    if not changed and one.digests is not None:
        digests = other.digests
        faults: dict[int, str] = {}
        if digests is None or not torch.equal(one.names, other.names):
            digests, faults = inspect(root, one, f"{what} files", decode=None, threads=threads)
        rows = (digests != one.digests).any(dim=1).nonzero().flatten().tolist()
        changed = {one.name(row) for row in {*rows, *faults}}
    if changed:
        return f"{len(changed):,} of {len(here):,} {what} files are others, such as {min(changed)}"
    return ""


def _listed(part: ImageFiles) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each file's name, size and label; without hidden ones, which version 0.2.0 listed."""
    sizes, labels = part.sizes.tolist(), part.labels.tolist()
    for row, known in enumerate(zip(sizes, labels, strict=True)):
        name = part.name(row)
        if not any(is_hidden(each) for each in name.split(os.sep)):
            yield name, known
