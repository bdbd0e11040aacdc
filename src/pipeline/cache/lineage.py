"""Whether artifacts were made from the files that are there now.

A parent that is made again, on a GPU, may hold other bits under the same fingerprint. What was made
from it before stays; here is who can tell:

    >>> Lineage(Path("artifacts")).other_copies("digits/resnet18/msp/score~968f7cee")
    {'digits/resnet18/plain-0/infer~44fe03bc'}
"""

from pathlib import Path

from pipeline.cache import manifests, paths
from pipeline.cache.manifests import Manifest
from pipeline.errors import PipelineError


class Lineage:
    """The manifests of artifacts, read once, by their folders relative to one of some roots."""

    def __init__(self, *roots: Path) -> None:
        self._roots = roots
        self._manifests: dict[str, Manifest | None] = {}
        self._other: dict[str, frozenset[str]] = {}

    def manifest(self, name: str) -> Manifest | None:
        """An artifact's manifest; None if it is missing or damaged."""
        if name not in self._manifests:
            self._manifests[name] = self._read(name)
        return self._manifests[name]

    def _read(self, name: str) -> Manifest | None:
        for root in self._roots:
            for file in (paths.MANIFEST, paths.ANCESTOR):
                if (root / name / file).exists():
                    try:
                        return manifests.read_manifest(root / name, file)
                    except PipelineError:
                        return None
        return None

    def differing(self, name: str) -> list[str]:
        """The parents that are there and not the files that an artifact was made from."""
        manifest = self.manifest(name)
        parents = manifest.parents if manifest else {}
        return [
            parent
            for parent, digest in parents.items()
            if (now := self.manifest(parent)) and digest not in now.files.values()
        ]

    def other_copies(self, name: str) -> frozenset[str]:
        """The same of an artifact and of all that it was made from, as far as that is there."""
        if name not in self._other:
            manifest = self.manifest(name)
            above = (self.other_copies(parent) for parent in (manifest.parents if manifest else ()))
            self._other[name] = frozenset(self.differing(name)).union(*above)
        return self._other[name]
