"""Manifests: what a finished artifact is, and where artifacts lie.

An artifact's payload comes first and its ``manifest.json`` last, so a folder with a manifest is
finished.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.cache import paths
from pipeline.cache.files import mend, read_json, sha256, write_json
from pipeline.cache.specs import AnySpec, from_json
from pipeline.errors import PipelineError

FOLDER = re.compile(rf"({'|'.join(paths.PAYLOADS)})~[0-9a-f]{{8}}")


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
        raise PipelineError(f"{path} is not a manifest; {mend(path)}") from None
    parts = (manifest.spec, manifest.files, manifest.parents)
    if not (isinstance(manifest.fingerprint, str) and all(isinstance(p, dict) for p in parts)):
        raise PipelineError(f"{path} is not a manifest; {mend(path)}")
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
            f"{folder} holds {found}, not {wanted}; {mend(folder / paths.MANIFEST)}"
        )
    for name in paths.PAYLOADS[spec.stage]:
        path = folder / name
        if not path.is_file():
            raise PipelineError(f"{path} is missing; {mend(path)}")
        if sha256(path) != manifest.files.get(name):
            raise PipelineError(f"{path} is not the file that was written; {mend(path)}")
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
