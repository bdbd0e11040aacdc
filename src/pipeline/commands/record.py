"""``record``: a finished study's numbers, tables and figures, small enough to keep in git.

    python -m pipeline record studies/cifar100-quick.yaml results/cifar100-quick

copies the study, its page, its tables (Markdown), its figures (PNG), what there is beside the
paper, and every number (five digits), and writes into ``made-with.md`` on what and in what time its
artifacts were made. What it shows and cannot show is for a README beside them, written by hand.
"""

import argparse
import math
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.cache import paths
from pipeline.cache.files import read_json
from pipeline.cache.specs import Spec
from pipeline.commands.common import STAGES, Commands, counted, load_plan
from pipeline.errors import PipelineError
from pipeline.report.drawn import check
from pipeline.running.plan import Plan

COPIED = ("report.html", "tables/*.md", "figures/*.png", "comparison.*")


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser("record", help="keep a finished study's tables and figures")
    parser.add_argument("study", type=Path, metavar="STUDY")
    parser.add_argument("folder", type=Path, metavar="DIR", help="such as results/mine")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Copy what is drawn, if it is that of the study as it stands."""
    # The other commands start without it.
    import pandas as pd

    plan, folder = load_plan(arguments.study, arguments.artifacts), arguments.folder
    if not plan.marker.exists():
        raise PipelineError(f"{arguments.study} is not drawn as it stands; run snakemake first")
    # What is drawn follows from the scores; what was changed by hand since does not.
    there, drawn = set(check(plan.marker)), plan.study_folder
    files = [file for pattern in COPIED for file in sorted(drawn.glob(pattern)) if file in there]
    for file in files:
        target = folder / file.relative_to(drawn)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    for pattern in COPIED:
        for old in set(folder.glob(pattern)) - {folder / file.relative_to(drawn) for file in files}:
            old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arguments.study, folder / "study.yaml")
    # "none" is the pruner of unpruned networks.
    numbers = pd.read_csv(drawn / "results.csv", keep_default_na=False, na_values=[""])
    numbers.to_csv(folder / "results.csv", index=False, float_format="%.5g", lineterminator="\n")
    text = made_with(provenances(plan, plan.nodes))
    (folder / "made-with.md").write_text(text, encoding="utf-8")
    print(
        f"{counted(len(files) + 3, 'file')} in {folder}; what they show is for {folder}/README.md"
    )


def made_with(found: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    """The jobs, seconds and versions behind artifacts, from pairs of stage and provenance."""
    jobs: Counter[str] = Counter()
    seconds: dict[str, float] = defaultdict(float)
    computed: dict[str, float] = defaultdict(float)
    peaks: dict[str, int] = defaultdict(int)
    facts: dict[str, set[str]] = defaultdict(set)
    for stage, each in found:
        jobs[stage] += 1
        seconds[stage] += each["wall_seconds"]
        computed[stage] += each.get("cpu_seconds", math.nan)  # older versions did not count them
        peaks[stage] = max(peaks[stage], each["peak_memory_mb"])
        facts["Python"].add(each["python"])
        for package, version in each["versions"].items():
            facts[package].add(str(version))
        facts["device"].add(each["device"])
        facts["day"].add(each["finished"][:10])
        facts["commit"].add(_commit(each["commit"]))
    rows = [
        f"| {stage} | {jobs[stage]} | {seconds[stage]:.0f} | {_whole(computed[stage])} | "
        f"{peaks[stage]} |"
        for stage in STAGES
        if jobs[stage]
    ]
    header = ["| Stage | Jobs | Seconds | CPU seconds | Most memory of a job (MB) |"]
    header += ["| --- | ---: | ---: | ---: | ---: |"]
    lines = [f"- {name}: {', '.join(sorted(values))}" for name, values in facts.items()]
    total = f"Together: {_whole(sum(seconds.values()))} s, {_whole(sum(computed.values()))} CPU s."
    return "\n".join(["# Made with", "", *header, *rows, "", total, "", *lines, ""])


def _whole(number: float) -> str:
    return "unknown" if math.isnan(number) else f"{number:.0f}"


def _commit(given: str | None) -> str:
    """A commit in short, and whether the code was edited after it; a job may not have known any."""
    if not given:
        return "none known"
    commit, _, edited = given.partition(", ")
    return f"{commit[:10]} ({edited})" if edited else commit[:10]


def provenances(plan: Plan, chosen: Mapping[str, Spec]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Pairs of stage and provenance of a plan's artifacts, by folder, as far as they are there."""
    for folder, spec in chosen.items():
        file = plan.root(spec.stage) / folder / paths.PROVENANCE
        if file.is_file():
            yield spec.stage, read_json(file)
