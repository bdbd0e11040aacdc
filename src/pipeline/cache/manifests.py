"""Manifests: what a finished artifact is, and where artifacts lie.

An artifact's payload comes first and its ``manifest.json`` last, so a folder with a manifest is
finished.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.cache import paths
from pipeline.cache.files import mend, read_json, sha256, write_json
from pipeline.cache.specs import STAGES, Spec, from_json
from pipeline.errors import PipelineError

FOLDER = re.compile(rf"({'|'.join(STAGES)})~[0-9a-f]{{8}}")


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


def read_manifest(folder: Path, name: str = paths.MANIFEST) -> Manifest:
    """Read an artifact's manifest, or under another name that of one which is elsewhere.

    Raises:
        PipelineError: it is missing or damaged.
    """
    path = folder / name
    content = read_json(path)
    try:
        manifest = Manifest(**content)
    except TypeError:
        raise PipelineError(f"{path} is not a manifest; {mend(path)}") from None
    parts = (manifest.spec, manifest.files, manifest.parents)
    if not (isinstance(manifest.fingerprint, str) and all(isinstance(p, dict) for p in parts)):
        raise PipelineError(f"{path} is not a manifest; {mend(path)}")
    return manifest


def check(folder: Path, spec: Spec) -> Manifest:
    """The manifest of a finished artifact whose files are as they were written.

    Raises:
        PipelineError: something is missing, damaged, or made for another spec.
    """
    manifest = read_manifest(folder)
    if manifest.fingerprint != spec.fingerprint:
        found, wanted = manifest.fingerprint, spec.fingerprint
        raise PipelineError(
            f"{folder} holds {found}, not {wanted}; {mend(folder / paths.MANIFEST)}"
        )
    for name in spec.payload:
        path = folder / name
        if not path.is_file():
            raise PipelineError(f"{path} is missing; {mend(path)}")
        if sha256(path) != manifest.files.get(name):
            raise PipelineError(f"{path} is not the file that was written; {mend(path)}")
    return manifest


def is_finished(folder: Path, spec: Spec) -> bool:
    """Whether an artifact is there, as far as can be told without reading its payload."""
    with suppress(PipelineError):
        return read_manifest(folder).fingerprint == spec.fingerprint and all(
            (folder / name).is_file() for name in spec.payload
        )
    return False


def folders(root: Path) -> Iterator[Path]:
    """The folders of all artifacts, finished or not; those of the studies are none.

    Links to folders are followed. A folder comes once, by the name that is not a link if it has
    one.

    Raises:
        OSError: a folder cannot be read.
    """
    seen: set[str] = set()
    links: list[Path] = []
    waiting = [root]
    while waiting or links:
        place = waiting.pop() if waiting else links.pop(0)
        real = os.path.realpath(place)
        if real in seen:
            continue
        seen.add(real)
        if FOLDER.fullmatch(place.name):
            yield place
            continue
        below = _folders_in(place, root)
        links += [each for each in below if each.is_symlink()]
        waiting += [each for each in reversed(below) if not each.is_symlink()]


def _folders_in(place: Path, root: Path) -> list[Path]:
    """The folders in one that may be artifacts or hold some, sorted."""
    try:
        with os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []  # deleted in the meantime, or no folder at all
    found = [place / name for name in names if "~" not in name or FOLDER.fullmatch(name)]
    return [each for each in found if each != paths.study_folder(root, "")]


def recorded_spec(manifest: Manifest) -> Spec | None:
    """The spec that a manifest records; None if the present code would make another artifact."""
    with suppress(LookupError, TypeError, ValueError, AttributeError, RecursionError):
        spec = from_json(manifest.spec)
        if spec.fingerprint == manifest.fingerprint:
            return spec
    return None
