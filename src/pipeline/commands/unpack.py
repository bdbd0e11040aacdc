"""``unpack``: put an archive of predictions where they belong, if all of it is what was packed.

    python -m pipeline unpack digits.zip

Every file is written beside its place and compared with its checksum before the first of them is
put in place. Nothing that is there is replaced. No code is run that the archive names.
"""

import argparse
import errno
import os
import shutil
import tempfile
from pathlib import Path

from pipeline.cache import archives, files, manifests, paths
from pipeline.cache.archives import ARTIFACTS, CARD, STUDY, Contents
from pipeline.commands.common import Commands, counted, in_bytes
from pipeline.errors import PipelineError


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "unpack",
        help="check an archive of predictions, and put them where they belong",
        description="All is checked before anything is put in place, and nothing is replaced.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="what `pack` wrote")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Put the predictions, the study and its card in place."""
    root: Path = arguments.artifacts
    with archives.opened(arguments.file) as archive:
        contents = archive.contents
        needed = sum(size for size, _ in contents.files.values())
        root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(root).free
        if needed > free:
            raise PipelineError(f"{root} has room for {in_bytes(free)}, not {in_bytes(needed)}")
        # Where no command takes it for artifacts, and no other disk begins.
        with tempfile.TemporaryDirectory(prefix=".unpacking~", dir=root) as temporary:
            archive.extract(Path(temporary))
            os.sync()
            archives.check_artifacts(Path(temporary, ARTIFACTS), contents)
            placed, kept = _place(Path(temporary), root, contents)
    kept_too = f", and the same {kept} were there already" if kept else ""
    print(f"{root}: {counted(placed, 'artifact')} of the study {contents.study!r}{kept_too}")
    _say_what_it_needs(contents)
    study = paths.study_folder(root, contents.study) / STUDY
    switches = "frozen=true" if root == Path(ARTIFACTS) else f"frozen=true artifacts={root}"
    print(f"to score and draw: snakemake --configfile {study} --config {switches}")


def _place(temporary: Path, root: Path, contents: Contents) -> tuple[int, int]:
    """Put artifacts and the study in place; gives how many were put, and how many were there.

    Raises:
        PipelineError: something else is in a place, and nothing was put anywhere.
    """
    study = paths.study_folder(root, contents.study)
    moves = {temporary / name: study / name for name in (STUDY, CARD)}
    moves |= {temporary / ARTIFACTS / name: root / name for name in contents.folders}
    there = {new: old for new, old in moves.items() if os.path.lexists(old)}
    for new, old in there.items():
        if not (_is_same_artifact(new, old) if new.is_dir() else _is_same_file(new, old)):
            raise PipelineError(
                f"{old} is there and is not what was packed; nothing was unpacked. Unpack it "
                "elsewhere: python -m pipeline --artifacts DIR unpack FILE"
            )
    # The study last: with it, all is there.
    for new, old in reversed(moves.items()):
        if new not in there:
            old.parent.mkdir(parents=True, exist_ok=True)
            _move(new, old)
    kept = sum(new.is_dir() for new in there)
    return len(contents.folders) - kept, kept


def _is_same_file(new: Path, old: Path) -> bool:
    return old.is_file() and new.read_bytes() == old.read_bytes()


def _is_same_artifact(new: Path, old: Path) -> bool:
    """Whether an artifact that is there holds the same files, or is made from the same."""
    whole = (new / paths.MANIFEST).exists()
    mine = manifests.read_manifest(new, paths.MANIFEST if whole else paths.ANCESTOR)
    for file in (paths.MANIFEST,) if whole else (paths.MANIFEST, paths.ANCESTOR):
        if (old / file).is_file():
            there = manifests.read_manifest(old, file)
            intact = not whole or all(
                (old / name).is_file() and files.sha256(old / name) == digest
                for name, digest in mine.files.items()
            )
            return intact and (there.fingerprint, there.files) == (mine.fingerprint, mine.files)
    return False


def _move(new: Path, old: Path) -> None:
    try:
        new.rename(old)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # A place may be a link to another disk: the copy lies beside its name, then gets it.
        beside = old.with_name(f".{old.name}.{os.getpid()}.tmp")
        shutil.copytree(new, beside) if new.is_dir() else shutil.copyfile(new, beside)
        beside.rename(old)


def _say_what_it_needs(contents: Contents) -> None:
    """Name the plugins that the study needs, which are not in the archive."""
    for name, digest in contents.plugins.items():
        file = Path(name)
        state = "not here"
        if file.is_file():
            state = "here" if files.sha256(file) == digest else "here, but not the same"
        print(f"the study needs the plugin {name}, SHA-256 {digest}: {state}")
    for name, digest in contents.init.items():
        print(f"networks began with {name}, SHA-256 {digest}, which scoring does not need")
