"""Where a data set's artifact was read from, and what was in each of its files.

A path is no part of what a data set is: a folder may move. So an artifact may be taken for what a
path holds only after someone has looked. Beside the payload, in no fingerprint, lie

    digests.safetensors   the SHA-256 of each image file, where images stay in their files
    origin~1f0c9a44.json  one file for each folder that was found to hold what the payload lists

An origin's name says which folder it was, and when something was last added to it or renamed in it,
so that planning tells with three looks at the disk whether the folder was compared.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.cache import paths
from pipeline.cache.specs import Data
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.datasets import ImageFiles

DIGESTS = "digests.safetensors"
PARTS = ("train", "test")

Digests = npt.NDArray[np.uint8]


def root(spec: Data) -> Path:
    """Where a data set's files are looked for: its path, or the place that a reader looks at."""
    spec = spec.source
    return Path(dict(spec.access).get("path", Path("data") / spec.dataset))


def name(spec: Data, parts: tuple[str, ...] = PARTS) -> str:
    """The name of the file that says that a data set's folder was compared.

    Args:
        spec: The data set, with its path.
        parts: Which of its sets matter: ``train``, ``test``, or both.
    """
    place, options = root(spec), dict(spec.source.options)
    if spec.role == "validation":
        parts = ("train",)
    # The names of the readers' folders; a folder whose entries change has another time.
    folders = [options.get("train", "train")] * ("train" in parts)
    folders += [options.get("test", "val"), options.get("test_labels", "val")] * ("test" in parts)
    times = [_time(place / folder) for folder in folders]
    if times == [None] * len(times):
        times = [_time(place)]
    text = json.dumps([os.path.realpath(place), parts, times], default=str)
    return f"origin~{hashlib.sha256(os.fsencode(text)).hexdigest()[:8]}.json"


def _time(path: Path) -> int | None:
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return None


def record(file: Path, place: Path, parts: tuple[str, ...]) -> None:
    """Write down that a place holds what an artifact lists."""
    from pipeline.cache.files import write_json

    write_json(file, {"path": os.path.realpath(place), "parts": parts})


def known(folder: Path) -> list[str]:
    """The places that an artifact was compared with, or else the one in its manifest."""
    from pipeline.cache.files import read_json
    from pipeline.cache.manifests import read_manifest
    from pipeline.cache.specs import from_json

    found: dict[str, None] = {}
    for file in sorted(folder.glob("origin~*.json"), key=lambda each: each.stat().st_mtime_ns):
        with suppress(PipelineError, TypeError, KeyError):
            found[str(read_json(file)["path"])] = None
    if not found:
        with suppress(PipelineError, LookupError, TypeError, ValueError, AttributeError):
            spec = from_json(read_manifest(folder).spec)
            if isinstance(spec, Data):
                found[os.path.realpath(root(spec))] = None
    return list(found)


def is_known(folder: Path, spec: Data, parts: tuple[str, ...] = PARTS) -> bool:
    """Whether nobody needs to compare a data set's folder with its artifact.

    That is so where there is no folder to compare, where it was compared, and where the artifact is
    of a version that did not write that down, and was read from there.
    """
    if not root(spec).exists() or (folder / name(spec, parts)).exists():
        return True
    if any(folder.glob("origin~*.json")):
        return False
    return os.path.realpath(root(spec)) in known(folder)


def is_digested(folder: Path) -> bool:
    """Whether an artifact needs no digests, as its images are in it, or has them."""
    from pipeline.cache.files import read_description

    if (folder / DIGESTS).exists():
        return True
    with suppress(PipelineError):
        return "resize_size" not in read_description(folder / paths.outputs("data")[0])
    return True  # what is damaged is for others to tell


def save_digests(folder: Path, digests: dict[str, Digests], listing: str) -> None:
    """Write the digests uint8 [N, 32] of each part's files, which `listing` stands for."""
    from pipeline.cache.files import write_arrays

    write_arrays(folder / DIGESTS, dict(digests), {"listing": listing})


def load_digests(folder: Path, listing: str) -> dict[str, Digests] | None:
    """Read them; None if an artifact has none, since a version made it that kept none.

    Raises:
        PipelineError: they are gone or damaged, or of other files.
    """
    from pipeline.cache.files import mend, read_arrays

    path = folder / DIGESTS
    if not path.exists():
        if any(folder.glob("origin~*.json")):
            raise PipelineError(f"{path} is missing; {mend(path)}")
        return None
    arrays, description = read_arrays(path)
    if description.get("listing") != listing or set(arrays) != set(PARTS):
        raise PipelineError(f"{path} is of other files than the data set; {mend(path)}")
    return arrays


def listing(train: "ImageFiles", test: "ImageFiles") -> str:
    """What stands for lists of files: a SHA-256 of their names, sizes and labels."""
    found = hashlib.sha256()
    for part in (train, test):
        for values in (part.names, part.sizes, part.labels):
            found.update(repr(tuple(values.shape)).encode())
            found.update(values.contiguous().numpy().data)
    return found.hexdigest()
