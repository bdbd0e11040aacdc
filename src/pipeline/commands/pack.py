"""``pack``: a study's predictions in one archive, for others to score and draw.

    python -m pipeline pack config.yaml digits.zip

The archive holds the predictions, the manifests of what they were made from, the study, and a data
card. No images and no networks are in it; of plugins and given weights it has the SHA-256 alone.
"""

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from pipeline.cache import archives, code_identity, files, manifests, paths
from pipeline.cache.archives import ARTIFACTS, Contents, Source
from pipeline.cache.graph import ancestors
from pipeline.cache.specs import Data, Spec, Train
from pipeline.commands import data_card
from pipeline.commands.common import Commands, counted, in_bytes, load_plan
from pipeline.errors import PipelineError
from pipeline.progress import track
from pipeline.registry import PACKAGE
from pipeline.running import provenance
from pipeline.running.plan import Plan
from pipeline.running.switches import Switches
from pipeline.study import reading


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "pack",
        help="put a study's predictions into one archive, for others to score and draw",
        description="The archive holds predictions, manifests, the study and a data card; "
        "docs/publishing.md says how to publish it.",
    )
    parser.add_argument("study", type=Path, metavar="STUDY")
    parser.add_argument("file", type=Path, metavar="FILE", help="the archive, such as mine.zip")
    parser.add_argument("--scores", action="store_true", help="put the scores into it, too")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the archive."""
    target: Path = arguments.file
    if target.suffix != ".zip":
        raise PipelineError(f"{target}: an archive is a zip file; call it {target.stem}.zip")
    if target.exists():
        raise PipelineError(f"{target} is there already; delete it, or name another file")
    plan = load_plan(arguments.study, arguments.artifacts)
    predictions = needed_when_frozen(plan)
    scores = [each.score for each in plan.combinations] if arguments.scores else []
    members: dict[str, Source] = {}
    whole = [*predictions, *scores]
    for spec in track(whole, "artifacts checked", len(whole)):
        members |= _whole(plan, spec)
    for folder, spec in ancestors(predictions).items():
        if spec not in predictions:
            members |= _left_behind(plan.root(spec.stage) / folder, folder)
    contents = partial(
        Contents, plan.study.study, plugins=_plugins(plan), init=_given_weights(predictions)
    )
    members[archives.STUDY] = _study(arguments.study)
    members[archives.CARD] = data_card.card(plan, predictions, contents(files={})).encode()
    sha256 = archives.write(target, members, contents)
    print(
        f"{target}: {counted(len(predictions), 'prediction')}, "
        f"{in_bytes(target.stat().st_size)}, SHA-256 {sha256}"
    )
    if named := sorted(_named_places(plan, predictions)):
        print(f"names places on this machine: {', '.join(named)}")


def needed_when_frozen(plan: Plan) -> list[Spec]:
    """The artifacts that a frozen run reads and does not make: predictions."""
    scores = (each.score for each in plan.combinations)
    reads = (parent for score in scores for parent in score.reads())
    found = {paths.folder(spec): spec for spec in reads if not spec.when_frozen}
    missing = [name for name, spec in found.items() if not plan.is_there(spec)]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise PipelineError(
            f"not there: {plan.artifacts / missing[0]}{more}; first run snakemake predictions"
        )
    return list(found.values())


def _whole(plan: Plan, spec: Spec) -> dict[str, Source]:
    """All files of an artifact that is as it was written."""
    name = paths.folder(spec)
    folder = plan.root(spec.stage) / name
    manifests.check(folder, spec)
    held = {f"{ARTIFACTS}/{name}/{file}": folder / file for file in paths.outputs(spec.stage)}
    return {**held, **_side_files(folder, name)}


def _left_behind(folder: Path, name: str) -> dict[str, Source]:
    """Of an artifact that predictions were made from, what tells which it was."""
    for file in (paths.MANIFEST, paths.ANCESTOR):
        if (folder / file).is_file():
            manifests.read_manifest(folder, file)
            known = {f"{ARTIFACTS}/{name}/{paths.ANCESTOR}": folder / file}
            return {**known, **_side_files(folder, name)}
    return {}


def _side_files(folder: Path, name: str) -> dict[str, Source]:
    found: dict[str, Source] = {}
    # Where it was made is nobody's business; what it was made with is.
    if content := {**provenance.read(folder)}:
        content.pop("host", None)
        text = json.dumps(content, indent=1) + "\n"
        found[f"{ARTIFACTS}/{name}/{paths.PROVENANCE}"] = text.encode()
    if (folder / paths.HISTORY).is_file():
        found[f"{ARTIFACTS}/{name}/{paths.HISTORY}"] = folder / paths.HISTORY
    return found


def _study(file: Path) -> bytes:
    """The study as it was written, without switches, which are of this machine."""
    content = reading.read(file)
    switches = {each.name for each in fields(Switches)} & set(content)
    if not switches:
        return file.read_bytes()
    kept = {key: value for key, value in content.items() if key not in switches}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True).encode()


def _plugins(plan: Plan) -> dict[str, str]:
    """The SHA-256 of each file of the study's plugins, by the path that the study gives."""
    named = {file.resolve().parent: file.parent for file in plan.study.plugins}
    found = {
        file.resolve()
        for unit in code_identity.plugin_units()
        for file in code_identity.files(unit)
        if not file.is_relative_to(PACKAGE)
    }
    return {str(_as_given(file, named)): files.sha256(file) for file in sorted(found)}


def _as_given(file: Path, named: dict[Path, Path]) -> Path:
    for folder, given in named.items():
        if file.is_relative_to(folder):
            return given / file.relative_to(folder)
    return file


def _given_weights(predictions: Iterable[Spec]) -> dict[str, str]:
    """The SHA-256 of each file of weights that a network began with, by its path."""
    return {
        spec.init_path: spec.init
        for spec in ancestors(predictions).values()
        if isinstance(spec, Train) and spec.init and spec.init_path
    }


def _named_places(plan: Plan, predictions: Iterable[Spec]) -> Iterator[str]:
    """The absolute paths that manifests and the study hold; a reader of the archive sees them."""
    given: list[Any] = list(plan.study.plugins)
    for spec in ancestors(predictions).values():
        if isinstance(spec, Data):
            given += dict(spec.access).values()
        elif isinstance(spec, Train):
            given.append(spec.init_path)
    yield from {str(each) for each in given if each and os.path.isabs(str(each))}
