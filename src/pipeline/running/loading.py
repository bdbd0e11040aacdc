"""What a job loads: the code that it was planned with, and nothing that its digests do not cover.

A script calls :func:`begin` first. From then on each module of the package and of plugins' folders
runs the source that its digest was taken from (`pipeline.sources`), whenever it is loaded. Once the
job knows its units of code, :func:`cover` refuses

- a module of the package or of a plugin's folder that no import statement of these units reaches,
- a module from a folder that was added to ``sys.path``,
- a file beside the code that is opened and not declared (`pipeline.running.opening`).

A refusal is an error of one line at that import. Code that catches it is stopped by :func:`check`
before its result is signed.
"""

import ast
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

from pipeline import plugins
from pipeline.cache import code_identity
from pipeline.cache.closure import is_neutral
from pipeline.errors import PipelineError
from pipeline.registry import PACKAGE
from pipeline.running import opening
from pipeline.sources import Loader, syntax_tree

# These rooms import for themselves, to read settings for instance; what they load computes nothing.
ROOMS = ("pipeline.running.", "pipeline.study.")


def begin() -> None:
    """Load each module from the source that is digested, from now on."""
    if GUARD in sys.meta_path:
        return
    # The folder of a script holds scripts, which are no libraries.
    script = getattr(sys.modules["__main__"], "__file__", None)
    if script:
        folder = os.path.dirname(os.path.realpath(script))
        sys.path[:] = [each for each in sys.path if os.path.realpath(each) != folder]
    plugins.install()
    sys.meta_path.insert(0, GUARD)


def cover(units: Iterable[str], data: Iterable[str | Path] = ()) -> None:
    """Refuse what these units of code do not cover, from now on, and what was loaded so far.

    Args:
        units: Those of the job's spec and of its ancestors.
        data: Folders that a job may read although they may lie beside a plugin: artifacts, images.

    Raises:
        PipelineError: a module that is loaded is not covered.
    """
    GUARD.cover(tuple(units))
    opening.watch(GUARD.files, data, GUARD.refuse)


def check() -> None:
    """Raise the first refusal again, in case the code that met it went on."""
    if GUARD.refusals:
        raise PipelineError(GUARD.refusals[0])


class Guard(MetaPathFinder):
    """Finds the modules of the package and of plugins before anything else does.

    Attributes:
        files: All files that the job's units cover, once these are known.
        refusals: What was refused.
    """

    def __init__(self) -> None:
        self.files: frozenset[Path] = frozenset()
        self.refusals: list[str] = []
        self._units: tuple[str, ...] = ()
        self._path: list[str] = []
        self._loaded: dict[str, Path] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How to load a module of the package or of a plugin; None for other modules."""
        top = fullname.partition(".")[0]
        if top == PACKAGE.name:
            spec = PathFinder.find_spec(fullname, path, target)
        elif top.startswith(plugins.PREFIX):
            spec = plugins.FINDER.find_spec(fullname, path, target)
        else:
            if path is None and self._units:
                self._check_foreign(fullname)
            return None
        if spec is None or spec.origin is None:
            return spec
        if not isinstance(spec.loader, SourceFileLoader):
            self.refuse(f"{spec.origin} cannot be covered by a digest, since it has no source")
        if top == PACKAGE.name:
            spec.loader = Loader(fullname, spec.origin)
        if not importer().startswith(ROOMS):
            self._loaded[fullname] = Path(spec.origin)
            if self._units:
                self._check_covered(fullname)
        return spec

    def cover(self, units: tuple[str, ...]) -> None:
        """See :func:`cover`."""
        self.files = frozenset[Path]().union(*map(code_identity.files, units))
        self._units, self._path = units, list(sys.path)
        for name in self._loaded:
            self._check_covered(name)

    def refuse(self, reason: str) -> None:
        """Say no, now and once more before the result is signed."""
        self.refusals.append(reason)
        raise PipelineError(reason)

    def _check_covered(self, name: str) -> None:
        file = self._loaded[name]
        if file not in self.files and not is_neutral(name) and not _holds_no_code(file):
            self.refuse(
                f"{file} is loaded, but no import statement of {', '.join(self._units)} leads to "
                "it, so an edit of it would go unseen: import it with a statement"
            )

    def _check_foreign(self, name: str) -> None:
        """Refuse a module beside a plugin, or in a folder that was added to ``sys.path``."""
        by = importer()
        folder = plugins.folder_of(by)
        if folder and plugins.is_local(name, folder / f"{by.partition('.')[2]}.py", folder):
            self.refuse(
                f"{folder}: {name} is imported by a name that is not written out, so an edit of it "
                f"would go unseen: use `import {name}`"
            )
        if sys.path != self._path:
            spec = PathFinder.find_spec(name)
            added = set(sys.path).difference(self._path)
            if spec and spec.origin and _lies_in(spec.origin, added):
                self.refuse(
                    f"{spec.origin} is loaded from a folder that was added to sys.path, so an edit "
                    "of it would go unseen: keep it beside the plugin"
                )


GUARD = Guard()


def importer() -> str:
    """The name of the module whose import is being done."""
    frame = sys._getframe(1)
    while frame.f_back:
        name = str(frame.f_globals.get("__name__"))
        if name != __name__ and name.partition(".")[0] not in ("importlib", "_frozen_importlib"):
            return name
        frame = frame.f_back
    return "__main__"


def _lies_in(file: str, folders: Iterable[str]) -> bool:
    installed = (sys.prefix, sys.base_prefix)
    path = Path(os.path.realpath(file))
    return any(map(path.is_relative_to, map(os.path.realpath, folders))) and not any(
        map(path.is_relative_to, map(os.path.realpath, installed))
    )


def _holds_no_code(file: Path) -> bool:
    """Whether a module of the package is only a docstring, as many an ``__init__.py`` is."""
    tree = syntax_tree(file) if file.is_relative_to(PACKAGE) else None
    return tree is not None and len(tree.body) == 1 and ast.get_docstring(tree) is not None
