"""``gc``: artifacts that no study needs any more."""

import argparse
import os
from pathlib import Path

from pipeline.cache import code_identity, manifests, paths
from pipeline.cache.files import write_bytes
from pipeline.cache.graph import ancestors
from pipeline.cache.specs import Network, Spec, Train
from pipeline.commands.common import Commands, counted, delete, in_bytes, load_plan, maker, size
from pipeline.errors import PipelineError
from pipeline.running.plan import Plan


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "gc",
        help="list artifacts that no study needs any more, or delete them",
        description="Lists the artifacts that none of the named studies uses, those of studies "
        "that are not named included. Nothing is deleted without --delete.",
    )
    parser.add_argument("studies", nargs="*", type=Path, metavar="STUDY", help="all to be kept")
    parser.add_argument(
        "--checkpoints",
        action="store_true",
        help="instead: these studies' pruned and fine-tuned networks whose predictions are there",
    )
    parser.add_argument("--delete", action="store_true", help="delete what is listed")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """List what can go, or delete it."""
    if not arguments.studies:
        raise PipelineError("gc: name every study whose artifacts are to stay")
    root: Path = arguments.artifacts
    plans: list[Plan] = []
    edited: set[str] = set()
    for study in arguments.studies:
        plans.append(load_plan(study, root))
        # The plugins that are known now are those of this study alone.
        edited |= _edited(plans[-1])
    if arguments.delete and edited:
        # Edited code uses other folders, so all that it made before would go as unused.
        raise PipelineError(
            f"gc: edited and not recorded: {', '.join(sorted(edited))}; first say what the edit "
            "did: python -m pipeline code"
        )
    candidates = _checkpoints(root, plans) if arguments.checkpoints else _unused(root, plans)
    found = [path for path in candidates if not maker(path if path.is_dir() else path.parent)]
    sizes = [sum(map(size, candidates[path])) for path in found]
    if arguments.delete:
        for path in found:
            _leave_name(path, candidates[path])
        delete(each for path in found for each in candidates[path])
    for path, each in zip(found, sizes, strict=True):
        print(f"{'deleted' if arguments.delete else 'would delete'} {path}, {in_bytes(each)}")
    if left := len(candidates) - len(found):
        print(f"left alone, since they are being made: {counted(left, 'artifact')}")
    hint = "; --delete deletes them" if found and not arguments.delete else ""
    what = "networks" if arguments.checkpoints else "artifacts"
    print(f"{what} that can go: {len(found):,}, {in_bytes(sum(sizes))}{hint}")


def _unused(root: Path, plans: list[Plan]) -> dict[Path, list[Path]]:
    """The artifacts that no plan uses, each with what is to be deleted of it: all."""
    # By a link, one folder can have several names.
    used = {os.path.realpath(root / name) for plan in plans for name in plan.nodes}
    return {each: [each] for each in manifests.folders(root) if os.path.realpath(each) not in used}


def _checkpoints(root: Path, plans: list[Plan]) -> dict[Path, list[Path]]:
    """Networks whose predictions are all there, and resume files of finished trainings.

    Each with what is to be deleted of it: what tells which network it was, and how it was trained,
    stays, as tables and figures show it.
    """
    nodes = {name: spec for plan in plans for name, spec in plan.nodes.items()}
    needed: set[str] = set()
    for name, spec in nodes.items():
        if _reads_a_network(spec) and not _is_intact(root / name, spec):
            needed.update(ancestors([spec]))
    found = {
        root / name: files
        for name, spec in nodes.items()
        if _is_made_from_a_network(spec)
        and name not in needed
        and (files := _takes_room(root / name, spec))
    }
    left_over = [
        root / name / paths.RESUME
        for name, spec in nodes.items()
        if isinstance(spec, Train) and manifests.is_finished(root / name, spec)
    ]
    return found | {file: [file] for file in left_over if file.exists()}


def _takes_room(folder: Path, spec: Spec) -> list[Path]:
    """What of a network can go: of one that was finished, the files of its artifact."""
    names = (paths.MANIFEST, paths.ANCESTOR)
    if folder.is_symlink() or not any((folder / name).exists() for name in names):
        return [folder] if folder.is_dir() else []
    held = (folder / name for name in paths.outputs(spec.stage))
    return [file for file in held if file.exists()]


def _leave_name(folder: Path, files: list[Path]) -> None:
    """Keep the manifest of a network that goes, under the name of those that are elsewhere."""
    if (manifest := folder / paths.MANIFEST) in files:
        write_bytes(folder / paths.ANCESTOR, manifest.read_bytes())


def _is_made_from_a_network(spec: Spec) -> bool:
    return isinstance(spec, Network) and spec.trained is not spec


def _reads_a_network(spec: Spec) -> bool:
    """Whether it is what networks are kept for: predictions."""
    return not isinstance(spec, Network) and any(isinstance(p, Network) for p in spec.reads())


def _is_intact(folder: Path, spec: Spec) -> bool:
    """Whether an artifact holds what was written: what it was made from goes for good."""
    try:
        manifests.check(folder, spec)
    except PipelineError:
        return False
    return True


def _edited(plan: Plan) -> set[str]:
    """The units of code that a plan uses and whose edit is not recorded."""
    edited = code_identity.edited()
    used = {unit for spec in plan.nodes.values() for unit in spec.units()} if edited else set()
    return used.intersection(edited)
