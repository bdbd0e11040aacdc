"""Registries: a name is a module, and a folder of modules is a registry.

A module is an entry when it defines the registry's entry function, for example ``scores`` in
``pipeline/pruning/l1.py``. That function's keyword-only arguments with a default are the entry's
options, as a study spells them. What an option may be is listed by a ``Literal`` annotation, or by
the keys of a constant in ``Annotated[str, CONSTANT]``; ``Annotated[float, "below 0.5"]`` bounds a
number, and so does "at most"; ``Annotated[str, "pruner"]`` is the name of another entry. A
``Collection[str]`` is a list of names, a ``Mapping[str, float]`` gives shares by name. An entry's
``LABEL`` is its name in tables and figures:

    >>> PRUNERS.options("hrank")["batches"]
    Option(default=5, choices=None)

Names and options are read from the syntax tree, so listing or checking them imports nothing: the
Snakefile stays free of torch, and an entry is imported only by the job that uses it. An entry of
the user's own is a Python file outside the package, made known by :func:`use_plugins`.
"""

import ast
import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline import plugins
from pipeline.errors import PipelineError
from pipeline.sources import syntax_tree

PACKAGE = Path(__file__).parent

# Arguments that the stages supply; every other keyword-only argument is an option of the entry.
SUPPLIED = frozenset({"images", "labels", "seed", "run", "image_size", "dropout", "example_input"})


@cache
def _functions(file: Path) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in syntax_tree(file).body if isinstance(node, ast.FunctionDef)}


@cache
def _constant(file: Path, name: str) -> Any:
    """The literal value of a module's constant, which it may import from the package, or None."""
    for node in syntax_tree(file).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=target)])
                | ast.AnnAssign(target=ast.Name(id=target))
            ) if target == name and node.value is not None:
                try:
                    return ast.literal_eval(node.value)
                except ValueError:
                    raise PipelineError(f"{file}: {name} is not written out as a value") from None
            case ast.ImportFrom(module=str(module), names=names) if name in {
                each.asname or each.name for each in names
            }:
                source = PACKAGE.parent.joinpath(*module.split("."))
                beside = (source.with_suffix(".py"), source / "__init__.py")
                return next((_constant(each, name) for each in beside if each.is_file()), None)
    return None


def _choices(file: Path, annotation: ast.expr | None) -> tuple[Any, ...] | None:
    """The values of a ``Literal[...]``, or of the constant in an ``Annotated[type, CONSTANT]``."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
            found = ast.literal_eval(values)
            return found if isinstance(found, tuple) else (found,)
        case ast.Subscript(
            value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[_, ast.Name(id=constant)])
        ):
            return tuple(_constant(file, constant) or ()) or None
    return None


def _noted(annotation: ast.expr | None) -> str:
    """The text in an ``Annotated[type, "below 0.5"]``."""
    match annotation:
        case ast.Subscript(
            value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[_, ast.Constant(str(text))])
        ):
            return text
    return ""


def _holds(annotation: ast.expr | None) -> str:
    """``Collection`` or ``Mapping`` where an annotation, or the first of several, is one."""
    if isinstance(annotation, ast.BinOp):
        return _holds(annotation.left)
    match annotation:
        case ast.Subscript(value=ast.Name(id=("Collection" | "Mapping") as name)):
            return name
    return ""


@dataclass(frozen=True)
class Option:
    """An option of an entry: its default, and what it may be if that is a short list.

    Attributes:
        default: Its value if none is given.
        choices: All values that it may have.
        note: Of a number, its bound, such as ``below 0.5``; of a name, the registry's kind.
        holds: ``Collection`` for a list of names, ``Mapping`` for shares by name.
    """

    default: Any
    choices: tuple[Any, ...] | None = None
    note: str = ""
    holds: str = ""


def _option(file: Path, default: ast.expr, annotation: ast.expr | None) -> Option:
    value = ast.literal_eval(default)
    return Option(value, _choices(file, annotation), _noted(annotation), _holds(annotation))


@cache
def _fields(place: str) -> dict[str, Option]:
    """The fields of a dataclass with their defaults, as options: of ``folder/module.py:Class``."""
    name, _, wanted = place.partition(":")
    file = PACKAGE / name
    found = next(
        node
        for node in syntax_tree(file).body
        if isinstance(node, ast.ClassDef) and node.name == wanted
    )
    return {
        node.target.id: _option(file, node.value, node.annotation)
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }


@dataclass
class Registry:
    """The entries of one kind: modules of `folder` that define one of `functions`.

    `common` says which dataclass holds the options that all entries with a function share.
    """

    kind: str
    folder: str
    functions: tuple[str, ...]
    common: dict[str, str] = field(default_factory=dict)
    plugins: dict[str, Path] = field(default_factory=dict)

    def files(self) -> dict[str, Path]:
        """Every entry's source file by name, the package's own and the plugins'."""
        return _own_files(self.folder, self.functions) | self.plugins

    def defines(self, file: Path) -> bool:
        """Whether a source file is an entry of this registry."""
        return _defines(file, self.functions)

    def names(self) -> list[str]:
        """The names of all entries, sorted."""
        return sorted(self.files())

    def file(self, name: str) -> Path:
        """The source file of an entry; an unknown name is an error that lists the known ones."""
        files = self.files()
        if name not in files:
            raise PipelineError(f"unknown {self.kind} {name!r}; known: {', '.join(sorted(files))}")
        return files[name]

    def unit(self, name: str) -> str:
        """The name of an entry's unit of code."""
        return f"{self.folder}.{name}"

    def function(self, name: str) -> str:
        """Which of the registry's functions an entry defines."""
        defined = _functions(self.file(name))
        return next(function for function in self.functions if function in defined)

    def options(self, name: str) -> dict[str, Option]:
        """The options of an entry: its own, and those that it shares with others."""
        shared = self.common.get(self.function(name))
        return (_fields(shared) if shared else {}) | self.own_options(name)

    def own_options(self, name: str) -> dict[str, Option]:
        """The options of an entry alone, from its function's signature."""
        file = self.file(name)
        arguments = _functions(file)[self.function(name)].args
        return {
            argument.arg: _option(file, default, argument.annotation)
            for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None and argument.arg not in SUPPLIED
        }

    def units(self, name: str, options: Mapping[str, Any]) -> list[str]:
        """The units of code of an entry and of those that its options name."""
        if name not in self.files():  # of an artifact whose plugin is not in use
            return [self.unit(name)]
        others = [
            options.get(option, each.default)
            for option, each in self.own_options(name).items()
            if each.note == self.kind
        ]
        return [self.unit(each) for each in dict.fromkeys([name, *others])]

    def constant(self, name: str, constant: str, default: Any = None) -> Any:
        """The literal value of a module-level constant of an entry.

        Raises:
            PipelineError: the entry does not define it, and there is no default.
        """
        value = _constant(self.file(name), constant)
        if value is None and default is None:
            raise PipelineError(f"{self.file(name)} does not define {constant}")
        return default if value is None else value

    def label(self, name: str) -> str:
        """What tables and figures call an entry: its ``LABEL``, or its name."""
        return str(self.constant(name, "LABEL", name) if name in self.files() else name)

    def load(self, name: str) -> ModuleType:
        """Import an entry's module."""
        if name in self.plugins:
            return plugins.load(self.plugins[name])
        return importlib.import_module(f"pipeline.{self.folder}.{name}")


@cache
def _own_files(folder: str, functions: tuple[str, ...]) -> dict[str, Path]:
    """The package's entries: looked for once, since a plan asks for some thousands of times."""
    files = {file.stem: file for file in (PACKAGE / folder).glob("[!_]*.py")}
    files |= {file.parent.name: file for file in (PACKAGE / folder).glob("*/__init__.py")}
    return {name: files[name] for name in sorted(files) if _defines(files[name], functions)}


def _defines(file: Path, functions: tuple[str, ...]) -> bool:
    return any(name in _functions(file) for name in functions)


DATASETS = Registry("data set", "datasets", ("load",))
MODELS = Registry("architecture", "models", ("build",))
PRUNERS = Registry(
    "pruner",
    "pruning",
    ("scores", "prune_in_training"),
    {"scores": "cutting/options.py:CutOptions"},
)
UNCERTAINTIES = Registry("uncertainty method", "uncertainty", ("estimates",))
REGISTRIES = (DATASETS, MODELS, PRUNERS, UNCERTAINTIES)


def use_plugins(files: Iterable[Path]) -> None:
    """Add source files to the registries whose entry function they define.

    Raises:
        PipelineError: a file is missing, defines no entry function, or has another entry's name.
    """
    for registry in REGISTRIES:
        registry.plugins.clear()
    for file in files:
        if not file.is_file():
            raise PipelineError(f"plugins: {file} is not a file")
        matching = [registry for registry in REGISTRIES if registry.defines(file)]
        if not matching:
            functions = ", ".join(name for registry in REGISTRIES for name in registry.functions)
            raise PipelineError(f"plugins: {file} defines none of {functions}")
        for registry in matching:
            if file.stem in registry.files():
                raise PipelineError(
                    f"plugins: {file}: there is a {registry.kind} {file.stem!r} already"
                )
            registry.plugins[file.stem] = file.resolve()
