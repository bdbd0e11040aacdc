"""The plan of a study as Snakemake needs it: every file, and what it is made from.

The rules' input and parameter functions are look-ups in a `Plan`, made once when the Snakefile is
read. An artifact that is there is made from nothing, as far as Snakemake is told: so it plans those
that are missing and needed, and no other.
"""

import hashlib
import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from pipeline.cache import code_identity, paths, specs
from pipeline.engine import DEFAULT, Engine
from pipeline.errors import PipelineError
from pipeline.registry import PACKAGE
from pipeline.running import gpu, switches
from pipeline.study import Combination, Study

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


@dataclass(frozen=True)
class Plan:
    """A study's artifacts, where they lie, and how each depends on the others.

    Attributes:
        study: What to compute.
        artifacts: The folder of all artifacts.
        output: Where tables and figures go, and in frozen mode new scores.
        frozen: Whether only scores, tables and figures may be made, from cached predictions.
        device: Where networks run: ``auto``, on a GPU if there is one, or ``cpu``.
        jobs_per_gpu: How many jobs share a GPU.
        engine: How networks are run.
        whole: Whether artifacts that are there count as made from others, too: to see the complete
            graph, or to have every job look at its artifact.
    """

    study: Study
    artifacts: Path = Path("artifacts")
    output: Path = Path("artifacts")
    frozen: bool = False
    device: str = "auto"
    jobs_per_gpu: int = 1
    engine: Engine = DEFAULT
    whole: bool = False
    nodes: dict[str, specs.AnySpec] = field(default_factory=dict)

    @classmethod
    def load(cls, config: Mapping[str, Any], *, whole: bool = False) -> "Plan":
        """The plan of a study file's content, with run switches among its keys.

        Raises:
            PipelineError: the study or a switch is wrong, or frozen mode lacks predictions; one
                line says what.
        """
        content = dict(config)
        settings = switches.taken_from(content)
        artifacts = settings.get("artifacts", cls.artifacts)
        remember = partial(_recorded_weights, artifacts) if settings.get("frozen") else None
        plan = cls(Study.load(content, remember=remember), whole=whole, **settings)
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
        """A function from a job's wildcards to the files that it reads; none if it has run."""

        # Snakemake asks three times.
        @cache
        def files(folder: str) -> list[str]:
            spec = self._spec(folder)
            if self.is_there(spec) and not self.whole:
                return []
            return [file for parent in reads(spec) for file in self.files(parent)]

        return lambda wildcards: files(_folder(stage, wildcards))

    def command(self, stage: str) -> Callable[[Any], str]:
        """A function from a job's wildcards to the command that runs its script, quoted.

        It is one parameter, and put together here, since Snakemake takes longer for each.
        """
        script, arguments = shlex.quote(str(SCRIPTS / f"{stage}.py")), self.arguments(stage)

        def command(wildcards: Any) -> str:
            content = self._spec(_folder(stage, wildcards)).to_json()
            spec = shlex.quote(json.dumps(content, separators=(",", ":")))
            return (
                f"python {script} --spec {spec} --fingerprint {wildcards.fingerprint} {arguments}"
            )

        return command

    def _spec(self, folder: str) -> specs.AnySpec:
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
        if self.jobs_per_gpu != Plan.jobs_per_gpu:
            words += ["--jobs-per-gpu", self.jobs_per_gpu]
        if self.engine != Plan.engine:
            words += ["--engine", self.engine]
        if self.study.plugins:
            words += ["--plugins", *self.study.plugins]
        return shlex.join(map(str, words))

    @property
    def jobs_on_gpus(self) -> int:
        """How many jobs the GPUs of this machine take at once; 0 where none is used."""
        return self.jobs_per_gpu * len(gpu.visible()) if self.device == "auto" else 0

    def threads(self, cores: int | None) -> int:
        """The CPUs of a job that runs a network, of all there are.

        Where jobs wait for GPUs, it is a share of all but one, which scoring gets. Otherwise it is
        one: jobs side by side use CPUs better than threads do, and the bits of a result depend on
        the number of threads.
        """
        return max(1, ((cores or 1) - 1) // self.jobs_on_gpus) if self.jobs_on_gpus else 1

    @property
    def scripts(self) -> Path:
        """The folder of the stages' scripts."""
        return SCRIPTS

    def files(self, spec: specs.AnySpec) -> list[str]:
        """The files of an artifact."""
        folder = f"{self.root(spec.stage)}/{paths.folder(spec)}"
        return [f"{folder}/{name}" for name in paths.outputs(spec.stage)]

    def is_there(self, spec: specs.AnySpec) -> bool:
        """Whether an artifact has all its files, which is what Snakemake looks at."""
        return all(map(os.path.exists, self.files(spec)))

    @property
    def scores(self) -> list[str]:
        """The scores of all combinations."""
        return [file for combination in self.combinations for file in self.files(combination.score)]

    @property
    def predictions(self) -> list[str]:
        """The predictions that all scores are made from."""
        return [
            file
            for spec in self.nodes.values()
            if spec.stage == "infer"
            for file in self.files(spec)
        ]

    @property
    def drawing(self) -> list[str]:
        """What the study is drawn into, and scores that were deleted since.

        Snakemake takes what is drawn for up to date, whether or not that which it was drawn from is
        still there.
        """
        scores = [each.score for each in self.combinations] if self.marker.exists() else []
        deleted = [file for spec in scores if not self.is_there(spec) for file in self.files(spec)]
        return [*map(str, self.drawn), *deleted]

    def at(self, place: str) -> list[str]:
        """The files of all artifacts at a place, such as ``digits/resnet18/ensemble/l1-0.5``."""
        here = [spec for spec in self.nodes.values() if paths.place(spec) == place]
        return [file for spec in here for file in self.files(spec)]

    def cached(self, targets: Iterable[str]) -> list[str]:
        """Those of Snakemake's targets, rules or files, that are made once and kept."""
        return sorted(
            target
            for target in targets
            if target in paths.PAYLOADS or self._folder_of(target) in self.nodes or self.at(target)
        )

    def _folder_of(self, file: str) -> str:
        folder = os.path.dirname(os.path.abspath(file))
        stage = os.path.basename(folder).partition("~")[0]
        return os.path.relpath(folder, os.path.abspath(self.root(stage)))

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

    @property
    def drawn(self) -> tuple[Path, Path]:
        """The table of all numbers, and the marker, which is written last."""
        return self.study_folder / "results.csv", self.marker

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
                for file in sorted((PACKAGE / "report" / "paper" / "published").glob("*.csv"))
            ],
        }
        text = json.dumps(content, sort_keys=True)
        return self.study_folder / f".plot~{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def _check_predictions(self) -> None:
        """Raise PipelineError where a combination has neither scores nor all its predictions."""
        missing = [
            paths.folder(prediction)
            for combination in self.combinations
            if not self.is_there(combination.score)
            for prediction in combination.score.predictions
            if not self.is_there(prediction)
        ]
        if missing:
            unique = sorted(set(missing))
            more = f" and {len(unique) - 1} more" if len(unique) > 1 else ""
            raise PipelineError(f"frozen: no predictions in {self.artifacts / unique[0]}{more}")


def _folder(stage: str, wildcards: Any) -> str:
    return f"{wildcards.place}/{stage}~{wildcards.fingerprint}"


def reads(spec: specs.AnySpec) -> list[specs.AnySpec]:
    """The artifacts that a stage reads: its parents, and the data set where it looks at images."""
    parents = spec.parents()
    match spec:
        case specs.Prune() | specs.Finetune() | specs.Infer():
            return [*parents, paths.trained(spec.model).data]
    return parents


def _recorded_weights(root: Path, path: str) -> str:
    """The SHA-256 of given weights, from the predictions that networks with them made."""
    # Only needed here, and not as light as the rest of planning.
    from pipeline.cache import manifests

    found = set()
    for folder in manifests.folders(root):
        # What was never finished, or is damaged, is nothing to go by.
        with suppress(PipelineError):
            spec = manifests.recorded_spec(manifests.read_manifest(folder))
            if isinstance(spec, specs.Infer):
                found |= _weights_of(spec, path)
    if len(found) == 1:
        return found.pop()
    reason = f"predictions of {len(found)} files by this name" if found else "no predictions of it"
    raise PipelineError(f"{path} is not there, and {reason} are in {root}")


def _weights_of(spec: specs.Infer, path: str) -> set[str]:
    trained = paths.trained(spec.model)
    return {trained.init} if trained.init and trained.init_path == path else set()
