"""Registries: a name is a module, and a folder of modules is a registry.

A module is an entry when it defines the registry's entry function, for example ``scores`` in
``pipeline/pruning/l1.py``. That function's keyword-only arguments with a default are the entry's
options, as a study spells them. What an option may be is listed by a ``Literal`` annotation, or by
the keys of a constant in ``Annotated[str, CONSTANT]``; ``Annotated[float, "below 0.5"]`` bounds a
number. Its ``LABEL`` is its name in tables and figures:

    >>> PRUNERS.options("hrank")["batches"]
    Option(default=5, choices=None)

Names and options are read from the syntax tree, so listing or checking them imports nothing: the
Snakefile stays free of torch, and an entry is imported only by the job that uses it. An entry of
the user's own is a Python file outside the package, made known by :func:`use_plugins`.
"""

import ast
import importlib
from collections.abc import Iterable
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
SUPPLIED = frozenset({"images", "seed", "run", "image_size", "dropout", "example_input"})


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


def _below(annotation: ast.expr | None) -> float | None:
    """The bound in an ``Annotated[type, "below 0.5"]``."""
    match annotation:
        case ast.Subscript(
            value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[_, ast.Constant(str(text))])
        ) if text.startswith("below "):
            return float(text.removeprefix("below "))
    return None


@dataclass(frozen=True)
class Option:
    """An option of an entry: its default, and what it may be if that is a short list."""

    default: Any
    choices: tuple[Any, ...] | None = None


@dataclass
class Registry:
    """The entries of one kind: modules of `folder` that define one of `functions`.

    `common` holds options that all entries with a function share, because a stage handles them.
    """

    kind: str
    folder: str
    functions: tuple[str, ...]
    common: dict[str, dict[str, Option]] = field(default_factory=dict)
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
        """The options of an entry, from its function's signature."""
        function, file = self.function(name), self.file(name)
        arguments = _functions(file)[function].args
        return self.common.get(function, {}) | {
            argument.arg: Option(ast.literal_eval(default), _choices(file, argument.annotation))
            for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None and argument.arg not in SUPPLIED
        }

    def bounds(self, name: str) -> dict[str, float]:
        """The numbers that an entry's options must be below, by option; few have one."""
        arguments = _functions(self.file(name))[self.function(name)].args.kwonlyargs
        found = {argument.arg: _below(argument.annotation) for argument in arguments}
        return {option: bound for option, bound in found.items() if bound is not None}

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
    {
        "scores": {
            "coupling": Option("group", ("group", "independent")),
            "scope": Option("layer", ("layer", "global")),
            "recalibrate": Option(False),
        }
    },
)
UNCERTAINTIES = Registry("uncertainty method", "uncertainty", ("estimates",))
TEST_SETS = Registry("test set", "test_sets", ("shifted",))
REGISTRIES = (DATASETS, MODELS, PRUNERS, UNCERTAINTIES, TEST_SETS)


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
