"""The plan of a study as Snakemake needs it: every file, and what it is made from.

The rules' input and parameter functions are look-ups in a `Plan`, made once when the Snakefile is
read.
"""

import hashlib
import json
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline import code_identity, gpu, paths, specs
from pipeline.errors import PipelineError
from pipeline.study import Combination, Study

# How to run, apart from the study: given with `--config KEY=VALUE`.
SWITCHES = ("artifacts", "output", "frozen", "device")

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


@dataclass(frozen=True)
class Plan:
    """A study's artifacts, where they lie, and how each depends on the others.

    Attributes:
        study: What to compute.
        artifacts: The folder of all artifacts.
        output: Where tables and figures go, and in frozen mode new scores.
        frozen: Whether only scores, tables and figures may be made, from cached predictions.
        device: Where networks run: ``auto``, on a GPU if there is one, or ``cpu``.
    """

    study: Study
    artifacts: Path = Path("artifacts")
    output: Path = Path("artifacts")
    frozen: bool = False
    device: str = "auto"
    nodes: dict[str, specs.AnySpec] = field(default_factory=dict)

    @classmethod
    def load(cls, config: Mapping[str, Any]) -> "Plan":
        """The plan of a study file's content, with run switches among its keys.

        Raises:
            PipelineError: the study or a switch is wrong, or frozen mode lacks predictions; one
                line says what.
        """
        content = dict(config)
        switches = {name: content.pop(name) for name in SWITCHES if name in content}
        frozen = str(switches.get("frozen", False)).lower()
        if frozen not in ("true", "false"):
            raise PipelineError(f"frozen: {frozen!r} is not true or false")
        device = str(switches.get("device", cls.device))
        if device not in gpu.CHOICES:
            raise PipelineError(f"device: {device!r} is not one of {', '.join(gpu.CHOICES)}")
        artifacts = Path(str(switches.get("artifacts", "artifacts")))
        output = Path(str(switches.get("output", artifacts)))
        plan = cls(Study.load(content), artifacts, output, frozen == "true", device)
        for combination in plan.combinations:
            plan._add(combination.score)
        if plan.frozen:
            plan._check_predictions()
        return plan

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        """The study's grid."""
        return tuple(self.study.combinations())

    def _add(self, spec: specs.AnySpec) -> None:
        folder = paths.folder(spec)
        if folder not in self.nodes:
            self.nodes[folder] = spec
            for parent in reads(spec):
                self._add(parent)

    def root(self, stage: str) -> Path:
        """The folder under which a stage's artifacts lie."""
        return self.output if self.frozen and stage == "score" else self.artifacts

    def pattern(self, stage: str, name: str) -> str:
        """The path of a stage's file with Snakemake's wildcards for the rest."""
        return f"{self.root(stage)}/{{place}}/{stage}~{{fingerprint}}/{name}"

    def log(self, stage: str) -> str:
        """The path of a stage's log, with the same wildcards."""
        return self.pattern(stage, f"{stage}.log")

    def inputs(self, stage: str) -> Callable[[Any], list[str]]:
        """A function from a job's wildcards to the files that it reads."""

        def files(wildcards: Any) -> list[str]:
            return [
                f"{self.artifacts}/{paths.folder(parent)}/{name}"
                for parent in reads(self._spec(stage, wildcards))
                for name in (paths.PAYLOADS[parent.stage][0], paths.MANIFEST)
            ]

        return files

    def spec(self, stage: str) -> Callable[[Any], str]:
        """A function from a job's wildcards to its spec, as JSON."""
        return lambda wildcards: json.dumps(
            self._spec(stage, wildcards).to_json(), separators=(",", ":")
        )

    def _spec(self, stage: str, wildcards: Any) -> specs.AnySpec:
        folder = f"{wildcards.place}/{stage}~{wildcards.fingerprint}"
        if folder not in self.nodes:
            raise PipelineError(
                f"{folder} is not in this plan: other code or another study made it"
            )
        return self.nodes[folder]

    def arguments(self, stage: str) -> str:
        """What every script of a stage is called with, besides its spec."""
        words = ["--artifacts", self.artifacts]
        if self.root(stage) != self.artifacts:
            words += ["--output", self.root(stage)]
        if self.device != Plan.device:
            words += ["--device", self.device]
        if self.study.plugins:
            words += ["--plugins", *self.study.plugins]
        return shlex.join(map(str, words))

    @property
    def jobs_on_gpus(self) -> int:
        """How many jobs the GPUs of this machine take at once; 0 where none is used."""
        return len(gpu.visible()) if self.device == "auto" else 0

    @property
    def scripts(self) -> Path:
        """The folder of the stages' scripts."""
        return SCRIPTS

    @property
    def scores(self) -> list[str]:
        """The scores of all combinations."""
        root = self.root("score")
        return [
            f"{root}/{paths.folder(combination.score)}/{name}"
            for combination in self.combinations
            for name in paths.outputs("score")
        ]

    @property
    def predictions(self) -> list[str]:
        """The predictions that all scores are made from."""
        return [
            f"{self.artifacts}/{folder}/{name}"
            for folder, spec in self.nodes.items()
            if spec.stage == "infer"
            for name in paths.outputs("infer")
        ]

    @property
    def json(self) -> str:
        """What :meth:`load` reads, on one line."""
        switches = {
            "artifacts": str(self.artifacts), "output": str(self.output), "frozen": self.frozen
        }  # fmt: skip
        return json.dumps({**self.study.content, **switches}, separators=(",", ":"))

    @property
    def study_folder(self) -> Path:
        """Where the study's tables and figures go."""
        return paths.study_folder(self.output, self.study.study)

    @cached_property
    def marker(self) -> Path:
        """An empty file that says which scores, options and code drew the study last."""
        content = {
            "scores": [paths.folder(combination.score) for combination in self.combinations],
            "labels": [vars(combination) | {"score": ""} for combination in self.combinations],
            "figures": self.study.figures,
            "code": code_identity.identity("stages.plot"),
            "published": [
                hashlib.sha256(file.read_bytes()).hexdigest()
                for file in sorted((Path(__file__).parent / "published").glob("*.csv"))
            ],
        }
        text = json.dumps(content, sort_keys=True)
        return self.study_folder / f".plot~{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def _check_predictions(self) -> None:
        """Raise PipelineError where a combination has neither scores nor all its predictions."""
        missing = [
            paths.folder(prediction)
            for combination in self.combinations
            if not self._is_there(self.output, combination.score)
            for prediction in combination.score.predictions
            if not self._is_there(self.artifacts, prediction)
        ]
        if missing:
            unique = sorted(set(missing))
            more = f" and {len(unique) - 1} more" if len(unique) > 1 else ""
            raise PipelineError(f"frozen: no predictions in {self.artifacts / unique[0]}{more}")

    def _is_there(self, root: Path, spec: specs.AnySpec) -> bool:
        return os.path.exists(root / paths.folder(spec) / paths.MANIFEST)


def reads(spec: specs.AnySpec) -> list[specs.AnySpec]:
    """The artifacts that a stage reads: its parents, and the data set where it looks at images."""
    parents = spec.parents()
    match spec:
        case specs.Prune() | specs.Finetune() | specs.Infer():
            return [*parents, paths.trained(spec.model).data]
    return parents
