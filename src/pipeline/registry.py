"""Registries: a name is a module, and a folder of modules is a registry.

A module is an entry when it defines the registry's entry function, for example ``scores`` in
``pipeline/pruning/l1.py``. That function's keyword-only arguments with a default are the entry's
options, as a study spells them, and a ``Literal`` annotation lists what an option may be:

    >>> PRUNERS.options("hrank")["batches"]
    Option(default=5, choices=None)

Names and options are read from the syntax tree, so listing or checking them imports nothing: the
Snakefile stays free of torch, and an entry is imported only by the job that uses it. An entry of
the user's own is a Python file outside the package, made known by :func:`use_plugins`.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline.errors import PipelineError

PACKAGE = Path(__file__).parent

# Arguments that the stages supply; every other keyword-only argument is an option of the entry.
SUPPLIED = frozenset({"images", "seed", "run", "image_size", "dropout", "example_input"})


@cache
def syntax_tree(file: Path) -> ast.Module:
    """The parsed source of a file; a file that does not parse is a PipelineError that names it."""
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except SyntaxError as error:
        raise PipelineError(
            f"{file}: line {error.lineno} is not valid Python: {error.msg}"
        ) from None


@cache
def _functions(file: Path) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in syntax_tree(file).body if isinstance(node, ast.FunctionDef)}


def _choices(annotation: ast.expr | None) -> tuple[Any, ...] | None:
    """The values of a ``Literal[...]`` annotation."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
            found = ast.literal_eval(values)
            return found if isinstance(found, tuple) else (found,)
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
        function = self.function(name)
        arguments = _functions(self.file(name))[function].args
        return self.common.get(function, {}) | {
            argument.arg: Option(ast.literal_eval(default), _choices(argument.annotation))
            for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None and argument.arg not in SUPPLIED
        }

    def constant(self, name: str, constant: str) -> Any:
        """The literal value of a module-level constant of an entry."""
        for node in syntax_tree(self.file(name)).body:
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == constant for target in node.targets
            ):
                return ast.literal_eval(node.value)
        raise PipelineError(f"{self.file(name)} does not define {constant}")

    def load(self, name: str) -> ModuleType:
        """Import an entry's module."""
        file = self.file(name)
        if name not in self.plugins:
            return importlib.import_module(f"pipeline.{self.folder}.{name}")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # A plugin may import its neighbours, as a script can.
        if str(file.parent) not in sys.path:
            sys.path.append(str(file.parent))
        spec.loader.exec_module(module)
        return module


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
