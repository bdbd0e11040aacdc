"""Which code computed it: a digest of each unit of code, and the identities recorded for it.

A unit is a stage's module (``stages.train``) or a registry entry (``pruning.hrank``). Its digest
covers every module of the package that it reaches through static imports, so an edit of a pruner
reaches the artifacts of this pruner and of nothing else. The digest is taken from the syntax tree
without docstrings: comments, formatting and documentation never change it, nor does the version of
Python.

``code.lock`` records which digests of a unit go by one identity. Lines are only ever added, so
undoing an edit finds the old identity again. A digest that is not recorded is its own identity:
edited code makes new artifacts beside the old ones.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.registry import PACKAGE, REGISTRIES, syntax_tree

LOCK = PACKAGE / "code.lock"

# Modules and folders that move data about but cannot change a number.
NEUTRAL = frozenset(
    f"pipeline.{name}" for name in ("cache", "errors", "progress", "registry", "running", "study")
)


@dataclass(frozen=True)
class Unit:
    """A root of code: its name, its source file, and the lock file that may know it."""

    name: str
    file: Path
    lock: Path


def units() -> list[str]:
    """The names of the package's own units, sorted."""
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
    return sorted(stages + entries)


def find(unit: str) -> Unit:
    """Where a unit lives; plugins may keep a ``code.lock`` beside them."""
    folder, _, name = unit.partition(".")
    registry = next((each for each in REGISTRIES if each.folder == folder), None)
    if registry is None:
        return Unit(unit, PACKAGE / folder / f"{name}.py", LOCK)
    file = registry.file(name)
    return Unit(unit, file, file.parent / LOCK.name if name in registry.plugins else LOCK)


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
    lines = sorted(f"{_module_name(file)} {_file_digest(file)}" for file in reached(root))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]


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
    """The package's units whose present digest is not recorded."""
    return [unit for unit in units() if digest(unit) not in recorded(LOCK).get(unit, {})]


def record(unit: str, *, same: bool) -> str:
    """Add a line for a unit's present code, under the last identity (`same`) or a new one."""
    found, now = find(unit), digest(unit)
    known = recorded(found.lock).get(unit, {})
    name = list(known.values())[-1] if same and known else now
    header = "# unit, identity, digest: lines are only added\n"
    lines = found.lock.read_text() if found.lock.is_file() else header
    found.lock.write_text(f"{lines}{unit} {name} {now}\n")
    recorded.cache_clear()
    return name


@cache
def reached(root: Path) -> frozenset[Path]:
    """The package's files, and those beside a plugin, that a module reaches by static imports."""
    found: set[Path] = set()
    waiting = [root]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_imports(file))
    return frozenset(found)


@cache
def _imports(file: Path) -> tuple[Path, ...]:
    folders = () if file.is_relative_to(PACKAGE) else (file.parent,)
    names = _imported_names(syntax_tree(file))
    return tuple(source for name in names for source in _sources(name, folders))


def _imported_names(tree: ast.Module) -> Iterator[str]:
    """Every name that may be a module: ``from a.b import c`` may mean ``a.b`` or ``a.b.c``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _sources(name: str, folders: tuple[Path, ...]) -> Iterator[Path]:
    """The package's and the plugin's files that importing a dotted name runs."""
    parts = name.split(".")
    own = parts[0] == PACKAGE.name
    for base in (PACKAGE.parent,) if own else folders:
        for depth in range(1, len(parts) + 1):
            if ".".join(parts[:depth]) in NEUTRAL:
                return
            module = base.joinpath(*parts[:depth])
            candidates = (module.with_suffix(".py"), module / "__init__.py")
            yield from (each for each in candidates if each.is_file())


def _module_name(file: Path) -> str:
    if not file.is_relative_to(PACKAGE):
        return file.stem
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts)


@cache
def _file_digest(file: Path) -> str:
    text = hashlib.sha256()
    for token in _walk(syntax_tree(file)):
        text.update(token.encode())
        text.update(b"\0")
    return text.hexdigest()


def _walk(node: object) -> Iterator[str]:
    """A syntax tree as text: node types and non-empty fields, without docstrings."""
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "body" and isinstance(value, list) and _has_docstring(node):
                value = value[1:]
            if isinstance(node, ast.JoinedStr):
                value = [part for part in node.values if not _is_empty_text(part)]
            if value is not None and value != []:
                yield name
                yield from _walk(value)
        yield ")"
    elif isinstance(node, list):
        for item in node:
            yield from _walk(item)
    else:
        yield repr(node)


def _is_empty_text(part: ast.expr) -> bool:
    """Whether a part of an f-string is nothing, such as Python 3.12 puts after ``:>{width}``."""
    return isinstance(part, ast.Constant) and part.value == ""


def _has_docstring(node: ast.AST) -> bool:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None
