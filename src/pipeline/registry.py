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

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline import plugins, written
from pipeline.errors import PipelineError
from pipeline.written import PACKAGE as PACKAGE
from pipeline.written import Option as Option

# Arguments that the stages supply; every other keyword-only argument is an option of the entry.
SUPPLIED = frozenset({"images", "labels", "seed", "run", "image_size", "dropout", "example_input"})

# How the stage calls a pruner that trains.
BY_POSITION = ("model", "data", "sparsity", "recipe")
BY_NAME = ("example_input", "seed", "run")


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
        defined = written.functions(self.file(name))
        return next(function for function in self.functions if function in defined)

    def options(self, name: str) -> dict[str, Option]:
        """The options of an entry: its own, and those that it shares with others."""
        shared = self.common.get(self.function(name))
        return (written.fields_of(shared) if shared else {}) | self.own_options(name)

    def own_options(self, name: str) -> dict[str, Option]:
        """The options of an entry alone, from its function's signature."""
        file = self.file(name)
        arguments = written.functions(file)[self.function(name)].args
        return {
            argument.arg: written.option(file, default, argument.annotation)
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
        value = written.literal(self.file(name), constant)
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
    return any(name in written.functions(file) for name in functions)


DATASETS = Registry("data set", "datasets", ("load",))
MODELS = Registry("architecture", "models", ("build",))
PRUNERS = Registry(
    "pruner",
    "pruning",
    ("scores", "prune_in_training"),
    {"scores": "cutting/options.py:CutOptions"},
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
            _check_call(file)


def _check_call(file: Path) -> None:
    """See that a pruner that trains can be called as the stage calls it.

    Raises:
        PipelineError: it would end in a TypeError, after the network to prune was trained.
    """
    if (function := written.functions(file).get("prune_in_training")) is None:
        return
    found = function.args
    most = len(found.posonlyargs + found.args)
    least = most - len(found.defaults)
    fits = least <= len(BY_POSITION) and (most >= len(BY_POSITION) or found.vararg)
    lacking = {*BY_NAME}.difference(each.arg for each in found.args + found.kwonlyargs)
    demanded = {
        each.arg
        for each, default in zip(found.kwonlyargs, found.kw_defaults, strict=True)
        if default is None
    }
    if not fits or (lacking and not found.kwarg) or demanded.difference(BY_NAME):
        call = f"({', '.join(BY_POSITION)}, *, {', '.join(BY_NAME)})"
        raise PipelineError(
            f"plugins: {file}: prune_in_training cannot be called with {call}, and all else must "
            "have a default"
        )
