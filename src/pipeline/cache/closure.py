"""What a module of code reaches: the files that its imports run, and the data files that they read.

Imports are followed where they stand in the source: ``import a``, ``from .a import b``, and
``import_module("a")`` with a name that is written out. A job refuses to load a module that is
reached in another way (`pipeline.running.loading`). What a module reads beside itself it declares:

    DATA_FILES = ("weights.csv", "tables/*.csv")

A package that imports whatever module of its folder defines a certain function names it, too:

    FINDS = "figures"
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.plugins import named_module, sources_of
from pipeline.registry import PACKAGE
from pipeline.sources import syntax_tree

# Modules and folders that move data about but cannot change a number.
NEUTRAL = frozenset(
    f"pipeline.{name}"
    for name in (
        "cache",
        "errors",
        "plugins",
        "progress",
        "registry",
        "running",
        "sources",
        "study",
        "written",
    )
)


def is_neutral(module: str) -> bool:
    """Whether a module of the package, or a folder that it lies in, is a neutral one."""
    parts = module.split(".")
    return any(".".join(parts[:depth]) in NEUTRAL for depth in range(1, len(parts) + 1))


@cache
def reached(root: Path) -> frozenset[Path]:
    """The package's files, and those beside a plugin, that a module reaches by its imports."""
    folder = PACKAGE.parent if root.is_relative_to(PACKAGE) else root.parent
    found: set[Path] = set()
    waiting = [root]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            base = PACKAGE.parent if file.is_relative_to(PACKAGE) else folder
            waiting.extend(_imports(file, base))
    return frozenset(found)


@cache
def data_files(file: Path) -> tuple[Path, ...]:
    """The files that a module declares to read.

    Raises:
        PipelineError: the declaration cannot be read, or names no file.
    """
    found: list[Path] = []
    for pattern in _declared(file):
        matching = sorted(each for each in file.parent.glob(pattern) if each.is_file())
        if not matching:
            raise PipelineError(f"{file}: DATA_FILES: there is no {file.parent / pattern}")
        found += matching
    return tuple(found)


def _declared(file: Path) -> tuple[str, ...]:
    for node in syntax_tree(file).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="DATA_FILES")], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id="DATA_FILES"), value=ast.expr() as value)
            ):
                return _patterns(file, value)
    return ()


def _patterns(file: Path, value: ast.expr) -> tuple[str, ...]:
    try:
        names = ast.literal_eval(value)
    except ValueError:
        names = None
    if not isinstance(names, tuple | list) or not all(_is_below(name) for name in names):
        raise PipelineError(
            f'{file}: DATA_FILES: write the names out, relative to this file: ("table.csv",)'
        )
    return tuple(names)


def _is_below(name: object) -> bool:
    return isinstance(name, str) and bool(name) and not Path(name).is_absolute()


@cache
def _imports(file: Path, base: Path) -> tuple[Path, ...]:
    """The files that the imports of a module run, which lies below `base`."""
    own = file.relative_to(base).parent.parts
    imported = (
        source
        for name, relative in _imported_names(syntax_tree(file), own)
        for source in _sources(name, base, relative=relative)
    )
    return (*imported, *_found(file))


def _found(file: Path) -> Iterator[Path]:
    """The modules beside a package's `file` that define the function which its ``FINDS`` names."""
    for node in syntax_tree(file).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="FINDS")], value=ast.Constant(value=str(name))):
                for beside in sorted(file.parent.glob("[!_]*.py")):
                    if any(
                        isinstance(each, ast.FunctionDef) and each.name == name
                        for each in syntax_tree(beside).body
                    ):
                        yield beside


def _imported_names(tree: ast.Module, own: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Every name that may be a module, and whether the import is relative to its package `own`.

    ``from a.b import c`` may mean ``a.b`` or ``a.b.c``.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = _absolute(node.level, node.module, own)
            if above:
                yield above, bool(node.level)
            if above is not None:
                names = (f"{above}.{alias.name}".lstrip(".") for alias in node.names)
                yield from ((name, bool(node.level)) for name in names)
        elif isinstance(node, ast.Call) and (name := named_module(node)):
            level = len(name) - len(name.lstrip("."))
            above = _absolute(level, name.lstrip("."), _package(node) or own)
            if above:
                yield above, bool(level)


def _absolute(level: int, module: str | None, own: tuple[str, ...]) -> str | None:
    """A name as seen from the base: `level` dots before `module`; None beyond the base."""
    if level == 0:
        return module
    if level - 1 > len(own):
        return None
    return ".".join((*own[: len(own) - (level - 1)], *filter(None, [module])))


def _package(node: ast.Call) -> tuple[str, ...]:
    """The package that ``import_module(".a", "b.c")`` starts from, if it is written out."""
    given = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "package")]
    match given:
        case [ast.Constant(value=str(name))]:
            return tuple(name.split("."))
    return ()


def _sources(name: str, base: Path, *, relative: bool) -> Iterator[Path]:
    """The package's files, or those of a plugin's folder `base`, that importing a name runs."""
    if base != PACKAGE.parent and (relative or name.partition(".")[0] != PACKAGE.name):
        yield from sources_of(name, base)
    elif name.partition(".")[0] == PACKAGE.name:
        yield from _sources_of_package(name)


@cache
def _sources_of_package(name: str) -> tuple[Path, ...]:
    parts = name.split(".")
    neutral = [n for n in range(1, len(parts) + 1) if is_neutral(".".join(parts[:n]))]
    seen = parts[: neutral[0] - 1] if neutral else parts
    return sources_of(".".join(seen), PACKAGE.parent)
