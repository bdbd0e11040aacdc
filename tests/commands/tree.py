"""A study whose artifacts are made up."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from support import TINY

from pipeline.cache import manifests, paths
from pipeline.cache.files import sha256, write_bytes
from pipeline.cache.specs import STAGES, Spec
from pipeline.running.plan import Plan

Call = Callable[..., tuple[int | str | None, list[str]]]


class Tree:
    """A folder with study files and the artifacts that these would have made.

    The tiny study has 32 artifacts: a data set, a check, 3 networks, 6 pruned ones, 3 fine-tuned
    ones, 9 predictions, 9 scores. Each payload is 100 bytes.
    """

    def __init__(self, call: Call) -> None:
        self.root = Path("artifacts")
        self.call = call
        self.plan = self.add("tiny")

    def add(self, study: str, **changes: Any) -> Plan:
        """Write a study file, and all artifacts of it that are not there."""
        plan = self.write(study, **changes)
        for name, spec in sorted(plan.nodes.items(), key=lambda each: _rank(each[1])):
            folder = self.root / name
            if not folder.exists():
                files = {}
                for file in spec.payload:
                    write_bytes(folder / file, f"{name}/{file}".ljust(100).encode())
                    files[file] = sha256(folder / file)
                parents = {paths.folder(parent): self._digest(parent) for parent in spec.reads()}
                manifest = manifests.Manifest(spec.fingerprint, spec.to_json(), files, parents)
                manifest.write(folder)
        plan.study_folder.mkdir(parents=True)
        for file in (plan.study_folder / "results.csv", plan.marker):
            file.touch()
        return plan

    def write(self, study: str, **changes: Any) -> Plan:
        """Write only a study file."""
        content: Mapping[str, Any] = {**TINY, "study": study, **changes}
        Path(f"{study}.yaml").write_text(yaml.safe_dump(content))
        return Plan.load(content)

    def _digest(self, spec: Spec) -> str:
        return sha256(self.root / paths.folder(spec) / spec.payload[0])

    def at(self, place: str, stage: str) -> Path:
        """The folder of an artifact, such as that of ``plain-0/l1-0.5``, ``prune``."""
        (found,) = (self.root / "digits/resnet18" / place).glob(f"{stage}~*")
        return found

    def count(self) -> int:
        """How many artifacts are there."""
        return len(list(self.root.rglob("*~*/manifest.json")))


def _rank(spec: Spec) -> int:
    """Parents come before children."""
    return list(STAGES).index(spec.stage)
