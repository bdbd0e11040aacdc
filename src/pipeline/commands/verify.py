"""``verify``: whether artifacts are the files that were written, and made from these parents."""

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from pipeline.cache import manifests, origins, paths
from pipeline.cache.files import sha256
from pipeline.cache.lineage import Lineage
from pipeline.cache.specs import STAGES, Data
from pipeline.commands.common import Commands, counted, load_plan, stage_of
from pipeline.errors import PipelineError
from pipeline.progress import say
from pipeline.running.comparisons import Comparisons
from pipeline.running.plan import Plan


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "verify",
        help="check artifacts against the checksums in their manifests, and their parents'",
        description="A line a problem; the exit status is 1 if there is any.",
    )
    parser.add_argument(
        "studies", nargs="*", type=Path, metavar="STUDY", help="only what these studies use"
    )
    parser.add_argument(
        "--data",
        action="store_true",
        help="also read every file of the studies' data sets, and compare it with its digest",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the problems, then what was looked at; 1 if there are any problems."""
    root: Path = arguments.artifacts
    plans = [load_plan(study, root) for study in arguments.studies]
    if arguments.data and not plans:
        raise PipelineError("verify --data: name the STUDY that says where the data are")
    used = {name for plan in plans for name in plan.nodes}
    folders = {str(folder.relative_to(root)): folder for folder in manifests.folders(root)}
    chosen = [name for name in folders if name in used or not arguments.studies]
    check = Check(root)
    problems = 0
    for name in tqdm(chosen, "verify", leave=False, disable=None):
        for problem in check(name):
            say(f"{root / name}: {problem}")
            problems += 1
    for problem in compared(plans, check.remarks) if arguments.data else ():
        say(problem)
        problems += 1
    verdict = f"{counted(problems, 'problem')} in {counted(len(chosen), 'artifact')}"
    print("; ".join([verdict, *(f"{number} {what}" for what, number in check.remarks.items())]))
    return 1 if problems else 0


def compared(plans: Iterable[Plan], remarks: Counter[str]) -> Iterator[str]:
    """The problems of the folders that studies name, all of whose files are read."""
    from pipeline.running.job import Job
    from pipeline.stages import data

    done: set[tuple[str, Path]] = set()
    for plan in plans:
        for name, parts in Comparisons(plan).parts.items():
            spec, folder = plan.nodes[name], plan.artifacts / name
            assert isinstance(spec, Data)
            root = origins.root(spec)
            if (name, root) in done or not manifests.is_finished(folder, spec):
                continue
            done.add((name, root))
            if not root.exists():
                remarks["without a folder to compare"] += 1
                continue
            try:
                job = Job(spec, plan.switches, readers=os.cpu_count() or 1)
                data.compare(spec, job, parts)
                origins.record(folder / origins.name(spec, parts), root, parts)
                remarks["compared with the files of its folder"] += 1
            except PipelineError as error:
                yield str(error)


class Check:
    """The problems of artifacts under a folder.

    Attributes:
        remarks: How many artifacts are no problem, yet worth a word.
    """

    def __init__(self, root: Path) -> None:
        self.remarks: Counter[str] = Counter()
        self._root = root
        self._lineage = Lineage(root)

    def __call__(self, name: str) -> Iterator[str]:
        """The problems of one artifact, in words."""
        folder = self._root / name
        if not (folder / paths.MANIFEST).exists():
            self.remarks["unfinished"] += 1
            return
        manifest = self._lineage.manifest(name)
        if manifest is None:
            yield f"{paths.MANIFEST} is damaged"
            return
        if manifest.fingerprint != folder.name.partition("~")[2]:
            yield f"{paths.MANIFEST} is that of {manifest.fingerprint}"
        for file in STAGES[stage_of(folder)].payload:
            if not (folder / file).is_file():
                yield f"{file} is missing"
            elif sha256(folder / file) != manifest.files.get(file):
                yield f"{file} is not the file that was written"
        for parent in self._lineage.differing(name):
            yield f"made from another copy of {self._root / parent}"
        if not all((self._root / each / paths.MANIFEST).exists() for each in manifest.parents):
            self.remarks["made from parents that were deleted"] += 1
        if manifests.recorded_spec(manifest) is None:
            self.remarks["made by other code"] += 1
