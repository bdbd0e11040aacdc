"""Which code computed it: a digest of each unit of code, and the identities recorded for it.

A unit is a stage's module (``stages.train``) or a registry entry (``pruning.hrank``). Its digest
covers every module of the package that it reaches through its imports, and the data files that
these declare (`pipeline.cache.closure`), so an edit of a pruner reaches the artifacts of this
pruner and of nothing else. The digest is taken from the syntax tree without docstrings: comments,
formatting and documentation never change it, nor does the version of Python.

``code.lock`` records which digests of a unit go by one identity. Lines are only ever added, so
undoing an edit finds the old identity again. A digest that is not recorded is its own identity:
edited code makes new artifacts beside the old ones.
"""

import ast
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.cache.closure import data_files, reached
from pipeline.errors import PipelineError
from pipeline.registry import PACKAGE, REGISTRIES
from pipeline.sources import syntax_tree

LOCK = PACKAGE / "code.lock"


# Units that only some of a stage's specs name: those whose numbers they changed when they came.
PARTS = ("cutting.feature_maps", "cutting.global_scope")


@dataclass(frozen=True)
class Unit:
    """A root of code: its name, its source file, and the lock file that may know it."""

    name: str
    file: Path
    lock: Path


def units() -> list[str]:
    """The names of the package's own units, sorted: stages, entries and `PARTS`."""
    stages = [
        f"stages.{file.stem}"
        for file in (PACKAGE / "stages").glob("*.py")
        if file.stem != "__init__"
    ]
    entries = [
        registry.unit(name)
        for registry in REGISTRIES
        for name in registry.names()
        if name not in registry.plugins
    ]
    return sorted(stages + entries + [*PARTS])


def plugin_units() -> list[str]:
    """The names of the units of the plugins in use, sorted."""
    return sorted(registry.unit(name) for registry in REGISTRIES for name in registry.plugins)


def find(unit: str) -> Unit:
    """Where a unit lives; plugins may keep a ``code.lock`` beside them."""
    folder, _, name = unit.partition(".")
    registry = next((each for each in REGISTRIES if each.folder == folder), None)
    if registry is None:
        return Unit(unit, _own_file(folder, name), LOCK)
    file = registry.file(name)
    return Unit(unit, file, file.parent / LOCK.name if name in registry.plugins else LOCK)


@cache
def _own_file(folder: str, name: str) -> Path:
    return PACKAGE / folder / f"{name}.py"


def identity(unit: str) -> str:
    """The identity of a unit's present code: the recorded one, or its own digest."""
    found = find(unit)
    now = digest(unit)
    return recorded(found.lock).get(unit, {}).get(now, now)


def digest(unit: str) -> str:
    """Eight hexadecimal digits of all code that a unit reaches within the package."""
    return _digest(find(unit).file)


@cache
def _digest(root: Path) -> str:
    names = _module_names(reached(root), root.parent)
    lines = sorted(f"{name} {_file_digest(file)}" for file, name in names.items())
    lines += sorted(
        f"{_place(data, root.parent)} {data_digest(data)}"
        for file in names
        for data in data_files(file)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]


def _place(file: Path, folder: Path) -> str:
    """Where a data file lies, seen from the package or from a plugin's folder."""
    return Path(
        os.path.relpath(file, PACKAGE if file.is_relative_to(PACKAGE) else folder)
    ).as_posix()


@cache
def data_digest(file: Path) -> str:
    """The SHA-256 of a declared data file, as it was when this process first asked for it."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def files(unit: str) -> frozenset[Path]:
    """All files that a unit's digest covers: modules, and the data files that they declare."""
    modules = reached(find(unit).file)
    return modules.union(data for file in modules for data in data_files(file))


@cache
def recorded(lock: Path) -> dict[str, dict[str, str]]:
    """Each unit's recorded digests with their identities, in the order they were added."""
    known: dict[str, dict[str, str]] = {}
    text = lock.read_text(errors="replace") if lock.is_file() else ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line and not line.startswith("#"):
            words = line.split()
            if len(words) != 3:
                raise PipelineError(f"{lock}, line {number}: expected a unit and two digests")
            unit, name, known_digest = words
            known.setdefault(unit, {})[known_digest] = name
    return known


def edited() -> list[str]:
    """The units whose present digest is not recorded: the package's, and recorded plugins'."""
    return [
        unit
        for unit in (*units(), *filter(is_recorded, plugin_units()))
        if digest(unit) not in recorded(find(unit).lock).get(unit, {})
    ]


def is_recorded(unit: str) -> bool:
    """Whether a lock knows a unit, by its present digest or by another."""
    return unit in recorded(find(unit).lock)


def record(unit: str, *, same: bool, before: str | None = None) -> str:
    """Add a line for a unit's present code, under the last identity (`same`) or a new one.

    Args:
        unit: The unit's name.
        same: Whether the present code goes by the identity that the unit had before.
        before: That identity where no lock knows it: the digest of a plugin as it was.
    """
    found, now = find(unit), digest(unit)
    known = recorded(found.lock).get(unit, {})
    last = list(known.values())[-1] if known else before
    name = last if same and last else now
    header = "# unit, identity, digest: lines are only added\n"
    lines = found.lock.read_text() if found.lock.is_file() else header
    digests = [now] if known or name == now else [name, now]
    lines += "".join(f"{unit} {name} {each}\n" for each in digests)
    found.lock.write_text(lines)
    recorded.cache_clear()
    return name


def _module_names(files: Iterable[Path], folder: Path) -> dict[Path, str]:
    """A name for each file: its place in the package, or the shortest in a plugin's folder."""
    files = list(files)
    own = Counter(file.stem for file in files if not file.is_relative_to(PACKAGE))
    return {
        file: _dotted(file, PACKAGE)
        if file.is_relative_to(PACKAGE)
        else file.stem
        if own[file.stem] == 1
        else _dotted(file, folder)
        for file in files
    }


def _dotted(file: Path, folder: Path) -> str:
    return ".".join(file.relative_to(folder).with_suffix("").parts)


@cache
def _file_digest(file: Path) -> str:
    text = "".join(f"{token}\0" for token in _tokens(syntax_tree(file)))
    return hashlib.sha256(text.encode()).hexdigest()


def _tokens(tree: ast.AST) -> list[str]:
    """A syntax tree as text: node types and non-empty fields, without docstrings."""
    found: list[str] = []
    _add_tokens(tree, found.append)
    return found


def _add_tokens(node: object, add: Callable[[str], None]) -> None:
    # Every job takes these of a hundred files when it starts; generators would take thrice as long.
    if isinstance(node, ast.AST):
        add(type(node).__name__)
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "body" and isinstance(value, list) and _has_docstring(node):
                value = value[1:]
            if isinstance(node, ast.JoinedStr):
                value = [part for part in node.values if not _is_empty_text(part)]
            if value is not None and value != []:
                add(name)
                _add_tokens(value, add)
        add(")")
    elif isinstance(node, list):
        for item in node:
            _add_tokens(item, add)
    else:
        add(repr(node))


def _is_empty_text(part: ast.expr) -> bool:
    """Whether a part of an f-string is nothing, such as Python 3.12 puts after ``:>{width}``."""
    return isinstance(part, ast.Constant) and part.value == ""


def _has_docstring(node: ast.AST) -> bool:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None
