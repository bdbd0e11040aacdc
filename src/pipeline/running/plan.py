"""The plan of a study: its artifacts, where they lie, and what of them is there."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pipeline.cache import code_identity, paths
from pipeline.cache.graph import ancestors
from pipeline.cache.specs import STAGES, Check, Data, Infer, Spec, Train
from pipeline.errors import PipelineError
from pipeline.registry import PACKAGE, REGISTRIES
from pipeline.running.checks import checks_of
from pipeline.running.switches import Switches
from pipeline.study import Combination, Study


@dataclass(frozen=True)
class Plan:
    """A study's grid, and every artifact that it needs.

    Attributes:
        study: What to compute.
        switches: How to run it.
        combinations: The study's grid.
        nodes: All specs by their artifacts' folders, each after what it reads.
        checks: The check that each training waits for, by the training's folder.
    """

    study: Study
    switches: Switches
    combinations: tuple[Combination, ...]
    nodes: Mapping[str, Spec]
    checks: Mapping[str, Check]

    @classmethod
    def load(cls, config: Mapping[str, Any]) -> "Plan":
        """The plan of a study file's content, with run switches among its keys.

        Raises:
            PipelineError: the study or a switch is wrong, or frozen mode lacks predictions; one
                line says what.
        """
        content = dict(config)
        switches = Switches.taken_from(content)
        remember = partial(_recorded_weights, switches.artifacts) if switches.frozen else None
        study = Study.load(content, remember=remember)
        combinations = tuple(study.combinations())
        nodes = ancestors(each.score for each in combinations)
        checks = checks_of(nodes.values())
        nodes |= ancestors(checks.values())
        plan = cls(study, switches, combinations, nodes, checks)
        if switches.frozen:
            plan._check_predictions()
        return plan

    @property
    def artifacts(self) -> Path:
        """The folder of all artifacts."""
        return self.switches.artifacts

    def root(self, stage: str) -> Path:
        """The folder under which a stage's artifacts lie."""
        return self.switches.root(STAGES[stage])

    def files(self, spec: Spec) -> list[str]:
        """The files of an artifact."""
        folder = f"{self.root(spec.stage)}/{paths.folder(spec)}"
        return [f"{folder}/{name}" for name in paths.outputs(spec.stage)]

    def files_of(self, chosen: Iterable[Spec]) -> list[str]:
        """The files of some artifacts."""
        return [file for spec in chosen for file in self.files(spec)]

    def is_there(self, spec: Spec) -> bool:
        """Whether an artifact has all its files, which is what Snakemake looks at.

        Raises:
            PipelineError: a folder cannot be looked into.
        """
        return all(map(paths.exists, self.files(spec)))

    def missing(self) -> dict[str, Spec]:
        """The scores that are not there, and what they need and is not there, by folder.

        These are the artifacts whose jobs Snakemake runs.
        """
        scores = (each.score for each in self.combinations)
        found = ancestors(scores, leave_out=self.is_there)
        checks = [check for name in found if (check := self.checks.get(name))]
        return found | ancestors(checks, leave_out=self.is_there)

    def inputs(self, spec: Spec) -> list[Spec]:
        """What a job waits for: what it reads, and for a training also the check.

        A training also waits for the other test sets of its data set: what is wrong with them is
        found before.
        """
        found = spec.reads()
        if isinstance(spec, Train):
            found += [check] if (check := self.checks.get(paths.folder(spec))) else []
            found += self._test_sets.get(spec.data, [])
        return found

    @cached_property
    def _test_sets(self) -> dict[Data, list[Data]]:
        """The other test sets of each data set that networks are trained with."""
        found: dict[Data, list[Data]] = {}
        for spec in self.nodes.values():
            if isinstance(spec, Data) and spec.of:
                found.setdefault(replace(spec.of, test_version=1), []).append(spec)
        return found

    def at(self, place: str) -> list[Spec]:
        """The artifacts at a place, such as ``digits/resnet18/ensemble/l1-0.5``."""
        return [spec for spec in self.nodes.values() if spec.place == place]

    @property
    def json(self) -> str:
        """What :meth:`load` reads, on one line."""
        return json.dumps({**self.study.content, **self.switches.given()}, separators=(",", ":"))

    @property
    def study_folder(self) -> Path:
        """Where the study's tables and figures go."""
        return paths.study_folder(self.switches.results, self.study.study)

    @property
    def report_files(self) -> tuple[Path, Path]:
        """The table of all numbers, and the marker, which is written last."""
        return self.study_folder / "results.csv", self.marker

    @cached_property
    def marker(self) -> Path:
        """The file whose name says which scores, options and code drew the study last.

        It holds the SHA-256 of each file that was drawn.
        """
        content = {
            "scores": [paths.folder(combination.score) for combination in self.combinations],
            "labels": [combination.axes | {"score": ""} for combination in self.combinations],
            "names": self._display_names(),
            "figures": self.study.figures,
            "code": code_identity.identity("stages.plot"),
            "published": [
                hashlib.sha256(file.read_bytes()).hexdigest()
                for file in sorted((PACKAGE / "report" / "paper" / "published").glob("*.csv"))
            ],
        }
        text = json.dumps(content, sort_keys=True)
        return self.study_folder / f".plot~{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def _display_names(self) -> list[str]:
        """What the report calls the entries of registries that the study uses."""
        used = {value for each in self.combinations for value in each.axes.values()}
        return [
            registry.label(name)
            for registry in REGISTRIES
            for name in registry.names()
            if name in used
        ]

    def _check_predictions(self) -> None:
        """Raise PipelineError where a score that is missing lacks what it is made from."""
        missing = {
            paths.folder(parent)
            for spec in self.missing().values()
            if spec.when_frozen
            for parent in spec.reads()
            if not (parent.when_frozen or self.is_there(parent))
        }
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise PipelineError(f"frozen: no predictions in {self.artifacts / min(missing)}{more}")


def _recorded_weights(root: Path, path: str) -> str:
    """The SHA-256 of given weights, from the predictions that networks with them made."""
    # Only needed here, and not as light as the rest of planning.
    from pipeline.cache import manifests

    found = set()
    for folder in manifests.folders(root):
        # What was never finished, or is damaged, is nothing to go by.
        with suppress(PipelineError):
            spec = manifests.recorded_spec(manifests.read_manifest(folder))
            if isinstance(spec, Infer):
                trained = spec.model.trained
                if trained.init and trained.init_path == path:
                    found.add(trained.init)
    if len(found) == 1:
        return found.pop()
    reason = f"predictions of {len(found)} files by this name" if found else "no predictions of it"
    raise PipelineError(f"{path} is not there, and {reason} are in {root}")
