"""``verify``: whether artifacts are the files that were written, and made from these parents."""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from pipeline.cache import history, manifests, paths
from pipeline.cache.files import sha256
from pipeline.cache.lineage import Lineage
from pipeline.cache.specs import STAGES
from pipeline.commands.common import Commands, counted, load_plan, stage_of
from pipeline.commands.folders import compared
from pipeline.errors import PipelineError
from pipeline.progress import say
from pipeline.running import provenance
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
    if not root.is_dir():
        raise PipelineError(f"{root}: there is no such folder; name it with --artifacts DIR")
    if arguments.data and not plans:
        raise PipelineError("verify --data: name the STUDY that says where the data are")
    chosen = list(_there(root, plans))
    lost = [name for plan in plans for name in plan.missing() if not (root / name).exists()]
    for name in dict.fromkeys(lost):
        say(f"{root / name}: planned and not there")
    check = Check(root)
    problems = len(set(lost))
    for name in tqdm(chosen, "verify", leave=False, disable=None):
        for problem in check(name):
            say(f"{root / name}: {problem}")
            problems += 1
    for line in provenance.differing_versions(root / name for name in chosen):
        print(line)
    for problem in compared(plans, check.remarks) if arguments.data else ():
        say(problem)
        problems += 1
    verdict = f"{counted(problems, 'problem')} in {counted(len(chosen), 'artifact')}"
    print("; ".join([verdict, *(f"{number} {what}" for what, number in check.remarks.items())]))
    return 1 if problems else 0


def _there(root: Path, plans: list[Plan]) -> Iterator[str]:
    """The names of the artifacts that are there; with plans, of those that they use."""
    if not plans:
        yield from (str(folder.relative_to(root)) for folder in manifests.folders(root))
    for name in dict.fromkeys(name for plan in plans for name in plan.nodes):
        if (root / name).is_dir():
            yield name


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
            known = (folder / paths.ANCESTOR).exists()
            self.remarks["not kept, only their manifests" if known else "unfinished"] += 1
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
        if (folder / paths.HISTORY).exists():
            try:
                history.read(folder)
            except PipelineError as error:
                yield str(error).removeprefix(f"{folder}{os.sep}")
        for parent in self._lineage.differing(name):
            yield f"made from another copy of {self._root / parent}"
        if not all((self._root / each / paths.MANIFEST).exists() for each in manifest.parents):
            self.remarks["made from parents that were deleted"] += 1
        if manifests.recorded_spec(manifest) is None:
            self.remarks["made by other code"] += 1
