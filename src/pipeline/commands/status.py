"""``status``: what of a study is there, what would run and why, and how long that takes.

A line a combination, then what is in training, then the totals by stage:

    digits  resnet18  none  0    msp       done
    digits  resnet18  l1    0.5  msp       makes prune, finetune, infer, score (prune never made)
    digits  resnet18  l1    0.5  ensemble  makes 2 finetune, 2 infer, score (finetune interrupted)
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.cache import files, manifests, origins, paths
from pipeline.cache.graph import ancestors
from pipeline.cache.specs import Score
from pipeline.commands.common import (
    STAGES,
    Commands,
    aligned,
    counted,
    load_plan,
    maker,
    stage_of,
)
from pipeline.commands.estimate import WallTimes, in_time, total
from pipeline.commands.planned import why_draw
from pipeline.errors import PipelineError
from pipeline.running.comparisons import Comparisons
from pipeline.running.plan import Plan
from pipeline.study import AXES, REPEATS, Combination


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "status",
        help="say what of a study is there, what would run and why, and how long it takes",
        description="A line a combination, the trainings under way, and the totals by stage.",
    )
    parser.add_argument("study", type=Path, metavar="STUDY")
    parser.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="how many run at a time (1)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print it."""
    status = Status(load_plan(arguments.study, arguments.artifacts))
    sections = (
        ("", aligned([status.row(each) for each in status.plan.combinations])),
        ("under way or interrupted:", aligned(status.trainings())),
        ("folders that a job compares with what was read before:", status.to_compare()),
        ("damaged, but Snakemake takes them as they are; delete them:", status.damaged()),
        ("", aligned(status.totals(arguments.artifacts, arguments.jobs), right=range(1, 5))),
    )
    for heading, lines in sections:
        if lines:
            print(*filter(None, [heading, *lines]), "", sep="\n")
    print(status.summary())


class Status:
    """What of a study is there, by the names of its artifacts' folders.

    Attributes:
        plan: The study's plan.
        why_draw: Why its tables and figures would be drawn; None if they are there.
        missing: The artifacts that are not there, or not whole.
        to_make: The artifacts whose jobs Snakemake would run.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.why_draw = why_draw(plan)
        self.to_make = set(plan.missing())
        self.missing = {
            name
            for name, spec in plan.nodes.items()
            if not manifests.is_finished(self._folder(name), spec)
        }

    @cached_property
    def _not_made(self) -> set[str]:
        """What is missing, or not whole, and is not made, since nothing to make needs it."""
        return self.missing - self.to_make

    def row(self, combination: Combination) -> list[str]:
        """A combination, and what there is to do for it."""
        cells = [in_a_cell(name, combination.axes[name]) for name in self._columns]
        return [*cells, self._state(combination.score)]

    @cached_property
    def _columns(self) -> list[str]:
        """The axes that a line names: repeats only in a study that has any."""
        return [
            name
            for name in AXES
            if name not in REPEATS
            or any(each.axes[name] != REPEATS[name] for each in self.plan.combinations)
        ]

    def _state(self, score: Score) -> str:
        name, needed = paths.folder(score), set(ancestors([score]))
        makes = needed & self.to_make
        if name in self.to_make:
            return f"makes {by_stage(makes)} ({self._why(makes)})"
        if name in self.missing:
            return "score is damaged"
        spare = needed & self._not_made
        damaged = {each for each in spare if self._seems_there(each)}
        remarks = {"others need": makes, "damaged": damaged, "not kept": spare - damaged}
        return "; ".join(
            ["done", *(f"{text} {by_stage(names)}" for text, names in remarks.items() if names)]
        )

    def _why(self, makes: Iterable[str]) -> str:
        """Why the first of a chain of artifacts to make are missing."""
        names = set(makes)
        reasons = {
            f"{stage_of(name)} {self._reason(name)}"
            for name in names
            if not any(paths.folder(parent) in names for parent in self.plan.nodes[name].reads())
        }
        return ", ".join(sorted(reasons, key=lambda each: STAGES.index(each.split()[0])))

    def _reason(self, name: str) -> str:
        folder = self._folder(name)
        if maker(folder):
            return "under way"
        if (folder / paths.MANIFEST).exists():
            return "damaged"
        if (folder / paths.RESUME).exists():
            return "interrupted"
        if (folder / paths.ANCESTOR).exists():
            return "not kept"
        if folder.exists():
            return "unfinished"
        spec = self.plan.nodes[name].to_json()
        recorded = []
        for other in folder.parent.glob(f"{stage_of(name)}~*"):
            try:
                recorded.append(manifests.read_manifest(other).spec)
            except PipelineError:
                continue
        if spec in recorded:
            return "made by other code"
        return "made with other settings" if recorded else "never made"

    def trainings(self) -> list[list[str]]:
        """What is being made or was interrupted, how far it is, and by whom."""
        rows = []
        for name in self.plan.nodes:
            if name in self.missing:
                who, epoch = maker(self._folder(name)), self._epoch(name)
                if who or epoch:
                    rows.append([str(self._folder(name)), epoch, who or "interrupted"])
        return rows

    def _epoch(self, name: str) -> str:
        resume = self._folder(name) / paths.RESUME
        if not resume.is_file():
            return ""
        try:
            epochs = self.plan.nodes[name].to_json()["recipe"]["epochs"]
            return f"epoch {files.read_description(resume)['epoch'] + 1} of {epochs}"
        except (PipelineError, LookupError, TypeError):
            return "starts over: its resume file is damaged"

    def to_compare(self) -> list[str]:
        """The folders of data sets that nobody has compared with their artifacts."""
        comparisons = Comparisons(self.plan)
        waits = [comparisons.before(self.plan.nodes[name]) for name in self.to_make]
        files = {*comparisons.needed, *(file for each in waits for file in each)}
        return [
            f"{origins.root(data)}, of {name}"
            for name, data in comparisons.there.items()
            if comparisons.file(data) in files
        ]

    def damaged(self) -> list[str]:
        """The folders that are not whole, though they have the files that Snakemake looks at."""
        return [
            str(self._folder(name))
            for name in self.plan.nodes
            if name in self._not_made and self._seems_there(name)
        ]

    def totals(self, root: Path, jobs: int) -> list[list[str]]:
        """A table of the stages: how many are there, missing, to make, and for how long."""
        rows = [["", "there", "missing", "to make", "time"]]
        times = WallTimes(root) if self.to_make else None
        everything: list[float | None] = []
        for stage in STAGES:
            names = [name for name, spec in self.plan.nodes.items() if spec.stage == stage]
            make = [name for name in names if name in self.to_make]
            found = [times.of(self.plan.nodes[name]) for name in make] if times else []
            everything += found
            counts = (
                len([name for name in names if name not in self.missing]),
                len([name for name in names if name in self.missing]),
                len(make),
            )
            rows.append([stage, *map(str, counts), in_words(found, 1)])
        sums = [str(sum(int(row[column]) for row in rows[1:])) for column in range(1, 4)]
        return [*rows, ["all", *sums, in_words(everything, jobs)]]

    def summary(self) -> str:
        """What there is to do, in a line or two."""
        scores = [paths.folder(each.score) for each in self.plan.combinations]
        done = sum(name not in self.missing for name in scores)
        line = f"{self.plan.study.study}: {done} of {counted(len(scores), 'combination')} done"
        return f"{line}; the study {self.why_draw or 'is drawn: nothing to do'}"

    def _seems_there(self, name: str) -> bool:
        return self.plan.is_there(self.plan.nodes[name])

    def _folder(self, name: str) -> Path:
        return self.plan.root(self.plan.nodes[name].stage) / name


def in_a_cell(axis: str, value: Any) -> str:
    """A combination's value on an axis, as a line of ``status`` spells it."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{axis} {text}" if axis in REPEATS else text


def by_stage(names: Iterable[str]) -> str:
    """``2 train, score``: how many artifacts of each stage."""
    counts = Counter(map(stage_of, names))
    return ", ".join(
        stage if counts[stage] == 1 else f"{counts[stage]} {stage}"
        for stage in STAGES
        if counts[stage]
    )


def in_words(times: list[float | None], jobs: int) -> str:
    """The time that some jobs take, so many at a time; those that nothing is known of are named."""
    seconds, unknown = total(times)
    if not times:
        return ""
    if unknown == len(times):
        return "unknown: no like job is there to go by"
    at_a_time = f", {jobs} at a time" if jobs > 1 else ""
    rest = f", and {counted(unknown, 'job')} of unknown time" if unknown else ""
    return f"about {in_time(seconds / jobs)}{at_a_time}{rest}"


def positive(text: str) -> int:
    """A whole number from 1 on, as an argument's type."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number
