"""Which folders have to be compared with the data sets' artifacts before these are used.

An artifact says nothing of where its images were read from. Where a study names a folder that
nobody has compared with it, a job does that, and all that reads or shows what was made from the
artifact waits for it. Planning itself reads no images and lists none.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.cache import origins, paths
from pipeline.cache.specs import Data, Spec
from pipeline.running.plan import Plan


@dataclass(frozen=True)
class Comparisons:
    """The comparisons that a plan needs."""

    plan: Plan

    @cached_property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which sets of each data set the plan's stages look at, by its artifact's folder."""
        found: dict[str, set[str]] = {}
        for spec in self.plan.nodes.values():
            if looked := spec.looks_at():
                data, part = looked
                found.setdefault(paths.folder(data), set()).add(part)
        return {folder: tuple(sorted(parts, reverse=True)) for folder, parts in found.items()}

    @cached_property
    def needed(self) -> list[str]:
        """The files that say of each unknown folder that it holds what its artifact lists."""
        return [self.file(data) for data in self.there.values() if not self._is_known(data)]

    def before(self, spec: Spec) -> list[str]:
        """Those that a job waits for: also where an artifact lacks its files' digests."""
        looked = spec.looks_at()
        return self._waits.get(paths.folder(looked[0]), []) if looked else []

    @cached_property
    def _waits(self) -> dict[str, list[str]]:
        """What the jobs wait for that look at each data set, by its artifact's folder."""
        return {
            name: [self.file(data)]
            for name, data in self.there.items()
            if origins.root(data).exists()
            and not (self._is_known(data) and origins.is_digested(self.plan.artifacts / name))
        }

    @cached_property
    def there(self) -> dict[str, Data]:
        """The data sets that are there, by their artifacts' folders."""
        nodes = self.plan.nodes
        return {
            name: data
            for name in self.parts
            if isinstance(data := nodes.get(name), Data) and self.plan.is_there(data)
        }

    def _is_known(self, data: Data) -> bool:
        name = paths.folder(data)
        known = origins.is_known(self.plan.artifacts / name, data, self.parts[name])
        return known or Path(self.file(data)).exists()

    def file(self, data: Data) -> str:
        """Where it is written down: in frozen mode, artifacts may be read-only."""
        name = paths.folder(data)
        return f"{self.root}/{name}/{origins.name(data, self.parts[name])}"

    @property
    def root(self) -> Path:
        """The folder under which it is written down."""
        switches = self.plan.switches
        return switches.results if switches.frozen else switches.artifacts
