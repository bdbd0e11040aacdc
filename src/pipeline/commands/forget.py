"""``forget``: delete artifacts and all that was made from them."""

import argparse
from pathlib import Path

from pipeline.cache import manifests
from pipeline.cache.graph import descendants
from pipeline.commands.common import Commands, counted, delete, in_bytes, maker, relative, size
from pipeline.errors import PipelineError


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "forget",
        help="delete artifacts and all that was made from them, so that they are made again",
    )
    parser.add_argument("places", nargs="+", metavar="PLACE", help="a place, or one folder of it")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Delete them, or say which they are."""
    root: Path = arguments.artifacts
    if next(manifests.folders(root), None) is None:
        print(f"no artifacts in {root}")
        return
    chosen = {str(each) for place in arguments.places for each in _at(root, place)}
    found = [root / name for name in sorted(descendants(root, chosen))]
    for folder in found:
        if name := maker(folder):
            raise PipelineError(f"{folder} is being made by {name}; stop it first")
    freed = sum(map(size, found))
    if not arguments.dry_run:
        # What was drawn from them is drawn again.
        for marker in root.glob("studies/*/.plot~*"):
            marker.unlink()
        delete(found)
    verb = "would forget" if arguments.dry_run else "forgot"
    for folder in found:
        print(f"{verb} {folder}")
    print(f"{counted(len(found), 'artifact')}, {in_bytes(freed)}")


def _at(root: Path, place: str) -> list[Path]:
    """The artifacts at a place, or one artifact, relative to `root`."""
    name = relative(root, place)
    found = [
        relative
        for relative in (folder.relative_to(root) for folder in manifests.folders(root))
        if name in (str(relative), str(relative.parent))
    ]
    if not found:
        raise PipelineError(f"no artifacts in {root / name}")
    return found
