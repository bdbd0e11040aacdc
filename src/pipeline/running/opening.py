"""Files beside the code that a job opens: only those that its code declares to read.

What a plugin reads in its own folder, a table or given weights, makes its numbers as its code does.
So it is declared in ``DATA_FILES`` (`pipeline.cache.closure`), and then part of the code's digest.
Files that are read by libraries in C or Rust, without Python's `open`, are not seen here.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline import plugins
from pipeline.cache import code_identity
from pipeline.cache.closure import is_neutral
from pipeline.registry import PACKAGE

Refuse = Callable[[str], None]


def watch(covered: frozenset[Path], data: Iterable[str | Path], refuse: Refuse) -> None:
    """Call `refuse` with a reason for each file beside the code that is opened and not covered.

    It lasts as long as the process does.

    Args:
        covered: The code, and the files that it declares.
        data: Folders that may be read although they may lie beside a plugin.
        refuse: Raises the reason as an error.
    """
    installed = (sys.prefix, sys.base_prefix)
    readable = tuple(Path(os.path.realpath(folder)) for folder in (*data, *installed))
    watcher = _Watcher(covered, readable, refuse)
    sys.addaudithook(watcher)


class _Watcher:
    def __init__(
        self, covered: frozenset[Path], readable: tuple[Path, ...], refuse: Refuse
    ) -> None:
        self._covered = covered
        self._readable = readable
        self._refuse = refuse
        self._thread = threading.local()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not getattr(self._thread, "busy", False):
            path, _, flags = arguments
            if isinstance(path, str | bytes) and _is_read(flags):
                self._thread.busy = True
                try:
                    self._look_at(os.path.abspath(os.fsdecode(path)))
                finally:
                    self._thread.busy = False

    def _look_at(self, path: str) -> None:
        if path.startswith(f"{PACKAGE}{os.sep}"):
            file = Path(path)
            if not _is_code(file) and not _is_neutral(file):
                self._check(file)
        elif plugins.FINDER.folders:
            file = Path(os.path.realpath(path))
            beside = any(map(file.is_relative_to, plugins.FINDER.folders.values()))
            if beside and not any(map(file.is_relative_to, self._readable)) and _by_a_plugin():
                self._check(file)

    def _check(self, file: Path) -> None:
        if file.is_dir() or not file.exists():
            return
        if file not in self._covered:
            declared = f'write DATA_FILES = ("{file.name}",) into the module beside it'
            self._refuse(
                f"{file} is read, but no digest of code covers it, so an edit of it would go "
                f"unseen: {'import it with a statement' if _is_code(file) else declared}"
            )
        elif not _is_code(file) and _digest_now(file) != code_identity.data_digest(file):
            self._refuse(f"{file} has changed since this job began; run snakemake again")


def _is_read(flags: int) -> bool:
    return flags & os.O_ACCMODE != os.O_WRONLY and not flags & os.O_TRUNC


def _digest_now(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def _is_code(file: Path) -> bool:
    """Whether a file is code of Python's, whose loading is watched elsewhere."""
    return file.suffix == ".py" or file.parent.name == "__pycache__"


def _is_neutral(file: Path) -> bool:
    place = file.relative_to(PACKAGE.parent)
    return file == code_identity.LOCK or is_neutral(".".join(place.parts[:-1]))


def _by_a_plugin() -> bool:
    """Whether code in a plugin's folder is at work, directly or through a library."""
    frame = sys._getframe(1)
    while frame.f_back:
        frame = frame.f_back
        if plugins.folder_of(str(frame.f_globals.get("__name__"))):
            return True
    return False
