"""What Snakemake is told: the files of each rule, its command, and what is asked for.

The functions of the rules are look-ups in a :class:`Plan`, made once when the Snakefile is read. An
artifact that is there is made from nothing, as far as Snakemake is told: so it plans those that are
missing and needed, and no other.
"""

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.cache import paths
from pipeline.cache.specs import STAGES, Spec
from pipeline.errors import PipelineError
from pipeline.running import gpu
from pipeline.running.plan import Plan

# The rules that are no stages; all but the last one draw.
TARGETS = ("all", "figures", "tables", "plot", "predictions")
SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


@dataclass(frozen=True)
class Rules:
    """The rules of a plan.

    Attributes:
        plan: What there is to make.
        whole: Whether artifacts that are there count as made from others, too: to see the complete
            graph, or to have every job look at its artifact.
        cores: The CPUs of this machine that Snakemake may use; None where jobs run elsewhere.
        python: The interpreter of the jobs: the one that runs Snakemake, unless told otherwise.
    """

    plan: Plan
    whole: bool = False
    cores: int | None = None
    python: str = sys.executable

    def __post_init__(self) -> None:
        """Raise PipelineError where the package is installed without the workflow."""
        if not SCRIPTS.is_dir():
            raise PipelineError(
                f"{SCRIPTS} is not there: jobs run in a checkout of the project, not from a wheel"
            )

    @property
    def stages(self) -> list[str]:
        """The stages that may run, in order."""
        frozen = self.plan.switches.frozen
        return [name for name, spec in STAGES.items() if spec.when_frozen or not frozen]

    def outputs(self, stage: str) -> list[str]:
        """The files of a stage, with Snakemake's wildcards ``place`` and ``fingerprint``."""
        return [self._pattern(stage, name) for name in paths.outputs(stage)]

    def log(self, stage: str) -> str:
        """The path of a stage's log, with the same wildcards."""
        return self._pattern(stage, f"{stage}.log")

    def _pattern(self, stage: str, name: str) -> str:
        return f"{self.plan.root(stage)}/{{place}}/{stage}~{{fingerprint}}/{name}"

    def inputs(self, stage: str) -> Callable[[Any], list[str]]:
        """A function from a job's wildcards to the files that it waits for; none if it has run."""

        # Snakemake asks three times.
        @cache
        def files(folder: str) -> list[str]:
            spec = self._spec(folder)
            return [] if self._is_done(spec) else self.plan.files_of(self.plan.inputs(spec))

        return lambda wildcards: files(_folder(stage, wildcards))

    def _is_done(self, spec: Spec) -> bool:
        return not self.whole and self.plan.is_there(spec)

    def command(self, stage: str) -> Callable[[Any], str]:
        """A function from a job's wildcards to the command that makes its artifact, quoted.

        It is one parameter, and put together here, since Snakemake takes longer for each.
        """
        script = shlex.join([self.python, str(SCRIPTS / "stage.py")])
        arguments = self.arguments()

        def command(wildcards: Any) -> str:
            content = self._spec(_folder(stage, wildcards)).to_json()
            spec = shlex.quote(json.dumps(content, separators=(",", ":")))
            return f"{script} --spec {spec} --fingerprint {wildcards.fingerprint} {arguments}"

        return command

    def arguments(self) -> str:
        """What every job is called with, besides its spec."""
        plugins = self.plan.study.plugins
        words = ["--plugins", *map(str, plugins)] if plugins else []
        return shlex.join([*self.plan.switches.arguments(), *words])

    def drawing_command(self) -> str:
        """The command that draws the study."""
        script = [self.python, str(SCRIPTS / "plot.py")]
        return shlex.join([*script, "--study", self.plan.json, "--marker", str(self.plan.marker)])

    def _spec(self, folder: str) -> Spec:
        if folder not in self.plan.nodes:
            raise PipelineError(
                f"{folder} is not in this plan: other code or another study made it"
            )
        return self.plan.nodes[folder]

    @property
    def jobs_on_gpus(self) -> int:
        """How many jobs the GPUs of this machine take at once; 0 where none is used."""
        switches = self.plan.switches
        return switches.jobs_per_gpu * len(gpu.visible()) if switches.device == "auto" else 0

    def gpus(self, stage: str) -> int:
        """The GPUs that a stage's job asks for."""
        return int(STAGES[stage].uses_gpu)

    def threads(self, stage: str) -> int:
        """The CPUs of a stage's job.

        Where jobs wait for GPUs, one that runs a network gets a share of all but one, which scoring
        gets. Otherwise it is one: jobs side by side use CPUs better than threads do, and the bits
        of a result depend on the number of threads.
        """
        if not (STAGES[stage].uses_gpu and self.jobs_on_gpus):
            return 1
        return max(1, ((self.cores or 1) - 1) // self.jobs_on_gpus)

    @property
    def report(self) -> list[str]:
        """What the study is drawn into, and scores that were deleted since.

        Snakemake takes what is drawn for up to date, whether or not that which it was drawn from is
        still there.
        """
        plan = self.plan
        scores = [each.score for each in plan.combinations] if plan.marker.exists() else []
        deleted = [spec for spec in scores if not plan.is_there(spec)]
        return [*map(str, plan.report_files), *plan.files_of(deleted)]

    @property
    def scores(self) -> list[str]:
        """The scores of all combinations."""
        return self.plan.files_of(each.score for each in self.plan.combinations)

    @property
    def predictions(self) -> list[str]:
        """What frozen mode begins from: the predictions that all scores are made from."""
        nodes = self.plan.nodes.values()
        scores = (spec for spec in nodes if spec.when_frozen)
        read = {paths.folder(each): each for spec in scores for each in spec.reads()}
        return self.plan.files_of(spec for spec in read.values() if not spec.when_frozen)

    def at(self, target: str) -> list[str]:
        """The files of all artifacts at a place, which may be given as a path."""
        return self.plan.files_of(self.plan.at(self._relative(target)))

    def places(self, targets: Iterable[str]) -> list[str]:
        """Those of Snakemake's targets that are places, not rules; see :meth:`at`."""
        return [target for target in dict.fromkeys(targets) if self._is_place(target)]

    def _is_place(self, target: str) -> bool:
        return target not in (*TARGETS, *STAGES) and bool(self.at(target))

    def refuse(self, targets: Iterable[str], forced: Iterable[str]) -> None:
        """Raise PipelineError where what the command line asks for would mislead.

        A forced job would leave at once, and would hide from Snakemake what is missing after it.
        """
        for target in targets:
            if target in STAGES and self.at(target):
                raise PipelineError(
                    f"{target} is a rule and a data set; for the data set's place say {target}/"
                )
        if cached := sorted(target for target in forced if self._is_cached(target)):
            raise PipelineError(
                f"{cached[0]}: -R and -f make nothing again here; use: "
                "python -m pipeline forget PLACE"
            )

    def _is_cached(self, target: str) -> bool:
        """Whether a target, a rule or a file, is made once and kept."""
        folder = self._relative(os.path.dirname(target))
        return target in STAGES or folder in self.plan.nodes or self._is_place(target)

    def draws(self, targets: Iterable[str]) -> bool:
        """Whether Snakemake's targets include the study's tables and figures, and these are there.

        Without a target it makes the first rule's.
        """
        report = {*TARGETS[:-1], *map(str, self.plan.report_files)}
        wanted = {os.path.normpath(target) for target in targets} or report
        return bool(wanted & report) and self.plan.marker.exists()

    def _relative(self, path: str) -> str:
        """A place or an artifact's folder as the plan calls it, also where its path is given."""
        switches = self.plan.switches
        for root in (switches.artifacts, switches.results):
            if os.path.abspath(path).startswith(f"{os.path.abspath(root)}{os.sep}"):
                return os.path.relpath(path, root)
        return os.path.normpath(path) if path else path


def _folder(stage: str, wildcards: Any) -> str:
    return f"{wildcards.place}/{stage}~{wildcards.fingerprint}"
