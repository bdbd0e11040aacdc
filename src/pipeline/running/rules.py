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
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pipeline.cache import paths
from pipeline.cache.specs import STAGES, Spec
from pipeline.errors import PipelineError
from pipeline.running import gpu
from pipeline.running.comparisons import Comparisons
from pipeline.running.plan import Plan

# The rules that are no stages: those that draw, and all.
DRAWING = ("all", "figures", "tables", "plot")
TARGETS = (*DRAWING, "predictions", "compare")
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
            if self._is_done(spec):
                return []
            return [*self.plan.files_of(self.plan.inputs(spec)), *self._comparisons.before(spec)]

        return lambda wildcards: files(_folder(stage, wildcards))

    @cached_property
    def _comparisons(self) -> Comparisons:
        return Comparisons(self.plan)

    @property
    def comparison(self) -> str:
        """What says that a folder holds what a data set's artifact lists, with wildcards."""
        return f"{self._comparisons.root}/{{place}}/data~{{fingerprint}}/origin~{{origin}}.json"

    @property
    def comparison_log(self) -> str:
        """The log of the job that finds that out."""
        return str(Path(self.comparison).with_name("compare~{origin}.log"))

    def comparing_command(self) -> Callable[[Any], str]:
        """A function from a comparison's wildcards to its command."""
        command = self.command("data")

        def compare(wildcards: Any) -> str:
            parts = self._comparisons.parts[_folder("data", wildcards)]
            return f"{command(wildcards)} --parts {' '.join(parts)}"

        return compare

    def _is_done(self, spec: Spec) -> bool:
        return not self.whole and self.plan.is_there(spec)

    def command(self, stage: str) -> Callable[[Any], str]:
        """A function from a job's wildcards to the command that makes its artifact, quoted.

        It is one parameter, and put together here, since Snakemake takes longer for each.
        """
        script = shlex.join([self.python, str(SCRIPTS / "stage.py")])
        more = f" {arguments}" if (arguments := self.arguments()) else ""

        def command(wildcards: Any) -> str:
            content = self._spec(_folder(stage, wildcards)).to_json()
            spec = shlex.quote(json.dumps(content, separators=(",", ":")))
            return f"{script} --spec {spec} --fingerprint {wildcards.fingerprint}{more}"

        return command

    def arguments(self) -> str:
        """What every job is called with, besides its spec."""
        plugins = self.plan.study.plugins
        words = ["--plugins", *map(str, plugins)] if plugins else []
        return shlex.join([*self.plan.switches.arguments(), *words])

    def drawing_command(self) -> Callable[[Any], str]:
        """A function from no wildcards to the command that draws the study.

        In text, Snakemake would take what is between braces for wildcards.
        """
        script = [self.python, str(SCRIPTS / "plot.py")]
        words = [*script, "--study", self.plan.json, "--marker", str(self.plan.marker)]
        return lambda wildcards: shlex.join(words)

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
        of a result depend on the number of threads. One that reads files gets all, since nothing
        can begin before.
        """
        if STAGES[stage].reads_files:
            return self.cores or 1
        if not (STAGES[stage].uses_gpu and self.jobs_on_gpus):
            return 1
        return max(1, ((self.cores or 1) - 1) // self.jobs_on_gpus)

    @property
    def report(self) -> list[str]:
        """The marker that the study is drawn, and scores that were deleted since.

        Snakemake takes what is drawn for up to date, whether or not that which it was drawn from is
        still there. A marker without the table of all numbers is deleted: it is not true.
        """
        plan = self.plan
        numbers, marker = plan.report_files
        if not paths.exists(numbers):
            with suppress(OSError):
                marker.unlink(missing_ok=True)
        scores = [each.score for each in plan.combinations] if paths.exists(marker) else []
        deleted = [spec for spec in scores if not plan.is_there(spec)]
        return [str(marker), *plan.files_of(deleted), *self._comparisons.needed]

    @property
    def scores(self) -> list[str]:
        """The scores of all combinations, and what must be known before they are shown."""
        plan = self.plan
        scores = plan.files_of(each.score for each in plan.combinations)
        # What is drawn already need not be drawn again where a folder has moved.
        needed = self._comparisons.needed
        if needed and all(file.exists() for file in plan.report_files) and not plan.missing():
            needed = []
        return [*scores, *needed]

    @property
    def predictions(self) -> list[str]:
        """What frozen mode begins from: the predictions that all scores are made from."""
        nodes = self.plan.nodes.values()
        scores = (spec for spec in nodes if spec.when_frozen)
        read = {paths.folder(each): each for spec in scores for each in spec.reads()}
        predictions = self.plan.files_of(spec for spec in read.values() if not spec.when_frozen)
        return [*predictions, *self._comparisons.needed]

    def at(self, target: str) -> list[str]:
        """The files of all artifacts at a place, which may be given as a path."""
        files = self.plan.files_of(self.plan.at(self._relative(target)))
        return [*files, *self._comparisons.needed] if files else []

    def places(self, targets: Iterable[str]) -> list[str]:
        """Those of Snakemake's targets that are places, not rules; see :meth:`at`."""
        return [target for target in dict.fromkeys(targets) if self._is_place(target)]

    def _is_place(self, target: str) -> bool:
        return target not in (*TARGETS, *STAGES) and bool(self.at(target))

    def refuse(self, targets: Iterable[str], forced: Iterable[str]) -> None:
        """Raise PipelineError where what Snakemake finds or is asked for would mislead it.

        A forced job would leave at once, and would hide from Snakemake what is missing after it.
        What cannot be looked at would count as missing.
        """
        self.plan.missing()
        if {"{", "}"}.intersection(str(SCRIPTS)):
            raise PipelineError(
                f"{SCRIPTS.parents[1]}: Snakemake takes braces in the project's path for "
                "wildcards; move or rename it"
            )
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
        report = {*DRAWING, *map(str, self.plan.report_files)}
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
