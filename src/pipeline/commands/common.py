"""What several commands need: reading studies, sizes in words, locks, deleting."""

import argparse
import fcntl
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from pipeline.cache import paths
from pipeline.cache.specs import STAGES as SPECS
from pipeline.errors import PipelineError
from pipeline.running.plan import Plan
from pipeline.study import reading

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
STAGES = tuple(SPECS)


def load_plan(study: Path, root: Path) -> Plan:
    """The plan of a study file whose artifacts lie under `root`."""
    content = reading.read(study)
    named = content.get("artifacts", root)
    if os.path.abspath(str(named)) != os.path.abspath(root):
        raise PipelineError(f"{study}: its artifacts are in {named}; add --artifacts {named}")
    try:
        plan = Plan.load({**content, "artifacts": str(root)})
    except PipelineError as error:
        raise PipelineError(f"{study}: {error}") from None
    for note in plan.study.notes:
        print(f"{study}: {note}", file=sys.stderr)
    return plan


def relative(root: Path, place: str) -> str:
    """A place or an artifact as it is called under `root`, also where its path is given."""
    if os.path.abspath(place).startswith(f"{os.path.abspath(root)}{os.sep}"):
        return os.path.relpath(place, root)
    return os.path.normpath(place) if place else place


def counted(number: int, noun: str) -> str:
    """``1 artifact``, ``2 artifacts``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def in_bytes(size: float) -> str:
    """A number of bytes in words, such as ``1.2 MB``."""
    if size < 1000:
        return f"{size:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.5:
            return f"{size:.3g} {unit}"
    return f"{size / 1000:,.3g} TB"


def size(path: Path) -> int:
    """The bytes of a file, or of all files under a folder."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def stage_of(folder: Path | str) -> str:
    """The stage that makes an artifact, from the name of its folder."""
    return Path(folder).name.partition("~")[0]


def maker(folder: Path) -> str | None:
    """Who is making an artifact at this moment, such as ``process 12 on node3``; mostly nobody."""
    try:
        with (folder / paths.LOCK).open() as lock:
            # Shared and given back at once: whoever makes the artifact holds it exclusively.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return (folder / paths.LOCK).read_text().strip() or "another process"
    return None


def delete(found: Iterable[Path]) -> None:
    """Delete artifacts or files of them, with Snakemake's backups, which it would put back.

    What was made last goes first, so that an interrupted deletion can be repeated.
    """
    for path in sorted(found, key=_from_last_to_first):
        for each in (path, *_backups(path)):
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink(missing_ok=True)


def _from_last_to_first(path: Path) -> tuple[int, str]:
    stage = stage_of(path if "~" in path.name else path.parent)
    return -STAGES.index(stage), str(path)


def _backups(path: Path) -> list[Path]:
    """Where Snakemake, run in this folder, keeps its copy of a path, if it has one."""
    # Paths that climb out of here are absolute in every plan.
    parts = paths.absolute_if_outside(path).parts
    return [Path(".snakemake", "backups", *(part for part in parts if part != os.sep))]


def aligned(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Rows of cells as lines with columns below each other; those in `right` end at one place."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    ends = set(right)
    return [
        "  ".join(
            cell.rjust(width) if position in ends else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
