"""Plugins: Python files outside the package, each with the helpers that lie beside it.

The folder of a plugin becomes a package with a name of its own, so two plugins may each have a
``helper.py``, and none takes the place of a library or of a script:

    mine/largest.py   import helper   ->  mine/helper.py
    yours/widest.py   import helper   ->  yours/helper.py

An absolute import in a plugin or helper means what lies in the plugin's folder if there is such a
file, else an installed library. The standard library and this package are never replaced, and a
plugin may have the name of the library that it wraps.
"""

import ast
import hashlib
import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from pipeline import sources
from pipeline.errors import PipelineError

PACKAGE = Path(__file__).parent
PREFIX = "plugins_"


def load(file: Path) -> ModuleType:
    """Import a plugin's file as a module of its folder's package, once per process."""
    package = _package(file.parent)
    name = file.stem.replace(".", "_")
    FINDER.entries[f"{package}.{name}"] = file
    return importlib.import_module(f"{package}.{name}")


def install() -> None:
    """Let the imports of this process find plugins' packages."""
    if FINDER not in sys.meta_path:
        sys.meta_path.insert(0, FINDER)


def sources_of(name: str, folder: Path) -> tuple[Path, ...]:
    """The files under a folder that importing a dotted name runs, those of its packages first."""
    parts = name.split(".")
    modules = [folder.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
    return tuple(
        file
        for module in modules
        for file in (module.with_name(f"{module.name}.py"), module / "__init__.py")
        if file.is_file()
    )


def is_local(name: str, file: Path, folder: Path) -> bool:
    """Whether an absolute import in `file` means what lies in its plugin's `folder`."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == PACKAGE.name or folder / f"{top}.py" == file:
        return False
    return bool(sources_of(name, folder))


def folder_of(module: str) -> Path | None:
    """The folder of the plugin that a loaded module belongs to; None for any other module."""
    return FINDER.folders.get(module.partition(".")[0])


def _package(folder: Path) -> str:
    """The name of a folder's package, which is made when it is first asked for."""
    name = PREFIX + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    if name not in sys.modules:
        install()
        package = ModuleType(name, f"The plugins in {folder}.")
        package.__path__ = [str(folder)]
        FINDER.folders[name] = folder
        sys.modules[name] = package
    return name


class Finder(MetaPathFinder):
    """Finds the modules of plugins' packages.

    Attributes:
        folders: The folder of each package.
        entries: The files of plugins, whose names need not be identifiers.
    """

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        self.entries: dict[str, Path] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How to load a module of a plugin's package; None for other modules."""
        top, _, inside = fullname.partition(".")
        if top not in self.folders or not inside:
            return None
        folder = self.folders[top]
        plain = folder.joinpath(*inside.split("."))
        packaged = plain / "__init__.py"
        file = self.entries.get(fullname) or plain.with_name(f"{plain.name}.py")
        if packaged.is_file() and fullname not in self.entries:
            return spec_from_file_location(
                fullname,
                packaged,
                loader=_Loader(fullname, packaged, folder),
                submodule_search_locations=[str(plain)],
            )
        if file.is_file():
            return spec_from_file_location(fullname, file, loader=_Loader(fullname, file, folder))
        if plain.is_dir():
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(plain)]
            return spec
        return None


FINDER = Finder()


class _Loader(SourceFileLoader):
    """Runs the source that was digested, with its own neighbours for its imports."""

    def __init__(self, fullname: str, file: Path, folder: Path) -> None:
        super().__init__(fullname, str(file))
        self._folder = folder

    def get_code(self, fullname: str) -> CodeType:
        """The code of a plugin's module."""
        file = Path(self.path)
        sources.syntax_tree(file)  # One line says where it is not valid.
        tree = ast.parse(sources.read(file), filename=self.path)
        own = _OwnNeighbours(file, self._folder, fullname.partition(".")[0]).visit(tree)
        code = compile(ast.fix_missing_locations(own), self.path, "exec", dont_inherit=True)
        assert isinstance(code, CodeType)
        return code


class _OwnNeighbours(ast.NodeTransformer):
    """Makes absolute imports of files in a plugin's folder those of its package."""

    def __init__(self, file: Path, folder: Path, package: str) -> None:
        self._file = file
        self._folder = folder
        self._package = package

    def _is_local(self, name: str) -> bool:
        return is_local(name, self._file, self._folder)

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """``import a.b`` binds ``a``, ``import a.b as c`` binds ``b``."""
        return [
            statement
            for alias in node.names
            for statement in (
                self._imports(alias, node)
                if self._is_local(alias.name)
                else [ast.copy_location(ast.Import([alias]), node)]
            )
        ]

    def _imports(self, alias: ast.alias, node: ast.stmt) -> list[ast.stmt]:
        top, _, below = alias.name.partition(".")
        if not below:
            bound: ast.stmt = ast.ImportFrom(self._package, [ast.alias(top, alias.asname)], 0)
            return [ast.copy_location(bound, node)]
        private = f"{self._package}.{alias.name}"
        loaded = ast.copy_location(ast.Import([ast.alias(private, alias.asname)]), node)
        if alias.asname:
            return [loaded]
        bound = ast.copy_location(ast.ImportFrom(self._package, [ast.alias(top)], 0), node)
        return [loaded, bound]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        """``from a import b``, where ``a`` is a neighbour."""
        if node.level == 0 and node.module and self._means_local(node):
            node.module = f"{self._package}.{node.module}"
        return node

    def _means_local(self, node: ast.ImportFrom) -> bool:
        # A folder without __init__.py is a package, too, when it holds what is imported.
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        return any(map(self._is_local, [str(node.module), *names]))

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """``importlib.import_module("a")`` and ``__import__("a")``."""
        self.generic_visit(node)
        name = named_module(node)
        if name is None or name.startswith(".") or not self._is_local(name):
            return node
        if _called(node) == "__import__" and (len(node.args) > 1 or node.keywords or "." in name):
            raise PipelineError(
                f"{self._file}, line {node.lineno}: use importlib.import_module({name!r})"
            )
        private = ast.Constant(f"{self._package}.{name}")
        if _called(node) == "__import__":
            # Asked for anything in it, it returns the module itself instead of the package.
            whole = ast.keyword("fromlist", ast.Tuple([ast.Constant("__name__")], ast.Load()))
            return ast.copy_location(ast.Call(node.func, [private], [whole]), node)
        return ast.copy_location(
            ast.Call(node.func, [private, *node.args[1:]], node.keywords), node
        )


def named_module(node: ast.Call) -> str | None:
    """The module that a call imports by name, if the name is written there."""
    if _called(node) in ("import_module", "__import__") and node.args:
        match node.args[0]:
            case ast.Constant(value=str(name)):
                return name
    return None


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
