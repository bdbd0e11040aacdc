"""What a module reaches: each way to import a file, or to read one, moves the digest."""

import ast
import shutil
from pathlib import Path

import pytest

from pipeline.cache import closure, code_identity
from pipeline.cache.closure import data_files, reached
from pipeline.cache.code_identity import _digest
from pipeline.errors import PipelineError
from pipeline.sources import read


def digest(folder: Path, name: str = "mine.py") -> str:
    """A plugin's digest, as a new process would take it."""
    new = folder.with_name(f"{folder.name}-copy")
    shutil.copytree(folder, new)
    found = _digest(new / name)
    shutil.rmtree(new)
    for cached in (
        _digest, reached, data_files, read, closure._imports, closure.syntax_tree,
        code_identity._file_digest, code_identity.data_digest,
    ):  # fmt: skip
        cached.cache_clear()  # type: ignore[attr-defined]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plugin's folder in which each file is a module with a constant."""
    folder = tmp_path / "plugins"
    for place in ("helper", "p/__init__", "p/a", "p/b", "p/q/__init__", "p/q/d", "random"):
        file = folder / f"{place}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("VALUE = 1\n")
    return folder


@pytest.mark.parametrize(
    ("statement", "reaches"),
    [
        ("import helper", "helper"),
        ("from helper import VALUE", "helper"),
        ("from . import helper", "helper"),
        ("from .helper import VALUE", "helper"),
        ("from . import random", "random"),
        ("from .p import a", "p/a"),
        ("from .p.a import VALUE", "p/a"),
        ("from .p.a import VALUE", "p/__init__"),
        ("import p.q.d", "p/q/__init__"),
        ("import importlib\nimportlib.import_module('helper')", "helper"),
        ("from importlib import import_module\nimport_module('.p.a', __package__)", "p/a"),
        ("from importlib import import_module\nimport_module('.a', package='p')", "p/a"),
        ("__import__('helper')", "helper"),
        ("def late():\n    if late:\n        from .p.q import d", "p/q/d"),
    ],
)
def test_a_constant_in_what_is_imported_counts(folder: Path, statement: str, reaches: str) -> None:
    (folder / "mine.py").write_text(statement)
    before = digest(folder)
    (folder / f"{reaches}.py").write_text("VALUE = 2\n")
    assert digest(folder) != before


@pytest.mark.parametrize(
    ("module", "statement", "reaches"),
    [
        ("p/__init__", "from . import a", "p/a"),
        ("p/__init__", "from .a import VALUE", "p/a"),
        ("p/__init__", "import p.a", "p/a"),
        ("p/__init__", "from helper import VALUE", "helper"),
        ("p/a", "from . import b", "p/b"),
        ("p/a", "from .q import d", "p/q/d"),
        ("p/a", "from p.b import VALUE", "p/b"),
        ("p/a", "from ..helper import VALUE", "helper"),
        ("p/a", "import helper", "helper"),
        ("p/q/__init__", "from .. import b", "p/b"),
        ("p/q/d", "from ..b import VALUE", "p/b"),
        ("p/q/d", "from ... import helper", "helper"),
    ],
)
def test_helpers_import_as_plugins_do(
    folder: Path, module: str, statement: str, reaches: str
) -> None:
    (folder / "mine.py").write_text(f"import {module.replace('/', '.').removesuffix('.__init__')}")
    (folder / f"{module}.py").write_text(statement)
    before = digest(folder)
    (folder / f"{reaches}.py").write_text("VALUE = 2\n")
    assert digest(folder) != before
    (folder / f"{reaches}.py").write_text("VALUE = 1  # as before\n")
    assert digest(folder) == before


def test_what_is_not_imported_does_not_count(folder: Path) -> None:
    (folder / "mine.py").write_text("import helper")
    before = digest(folder)
    (folder / "p" / "a.py").write_text("VALUE = 2\n")
    assert digest(folder) == before


def test_files_of_one_name_are_told_apart(folder: Path) -> None:
    (folder / "mine.py").write_text("import p.a, p.q.d, p.q.a")
    (folder / "p/a.py").write_text("VALUE = 2\n")
    (folder / "p/q/a.py").write_text("VALUE = 3\n")
    before = digest(folder)
    (folder / "p/a.py").write_text("VALUE = 3\n")
    (folder / "p/q/a.py").write_text("VALUE = 2\n")
    assert digest(folder) != before


@pytest.mark.parametrize(
    ("declaration", "file"),
    [
        ('DATA_FILES = ("table.csv",)', "table.csv"),
        ('DATA_FILES: tuple[str, ...] = ("tables/*.csv", "table.csv")', "tables/b.csv"),
        ('DATA_FILES = ["tables/a.csv"]', "tables/a.csv"),
    ],
)
def test_declared_data_count(folder: Path, declaration: str, file: str) -> None:
    (folder / "tables").mkdir()
    for name in ("table.csv", "tables/a.csv", "tables/b.csv"):
        (folder / name).write_text("1,2,3\n")
    (folder / "mine.py").write_text("")
    undeclared = digest(folder)
    (folder / "helper.py").write_text(declaration)
    (folder / "mine.py").write_text("import helper")
    before = digest(folder)
    (folder / file).write_text("1,2,4\n")
    assert len({undeclared, before, digest(folder)}) == 3


def test_a_new_file_of_a_pattern_counts(folder: Path) -> None:
    (folder / "a.csv").write_text("1")
    (folder / "mine.py").write_text('DATA_FILES = ("*.csv",)')
    before = digest(folder)
    (folder / "b.csv").write_text("1")
    assert digest(folder) != before


@pytest.mark.parametrize(
    ("declaration", "complaint"),
    [
        ('DATA_FILES = ("none.csv",)', "there is no .*none.csv"),
        ("DATA_FILES = names()", "write the names out"),
        ('DATA_FILES = "table.csv"', "write the names out"),
        ('DATA_FILES = ("/etc/passwd",)', "write the names out"),
        ("DATA_FILES = (1,)", "write the names out"),
    ],
)
def test_wrong_declarations_are_named(folder: Path, declaration: str, complaint: str) -> None:
    (folder / "mine.py").write_text(declaration)
    with pytest.raises(PipelineError, match=rf"mine\.py: DATA_FILES: {complaint}"):
        digest(folder)


def test_the_package_follows_relative_imports_up_to_what_is_neutral() -> None:
    tree = ast.parse("from ..models import resnet18\nfrom . import outcomes")
    names = set(closure._imported_names(tree, ("pipeline", "metrics")))
    assert ("pipeline.models.resnet18", True) in names
    assert ("pipeline.metrics.outcomes", True) in names
    base = code_identity.PACKAGE.parent
    assert set(closure._sources("pipeline.models.resnet18", base, relative=True)) == {
        code_identity.PACKAGE / "__init__.py",
        code_identity.PACKAGE / "models" / "__init__.py",
        code_identity.PACKAGE / "models" / "resnet18.py",
    }
    assert set(closure._sources("pipeline.cache.payloads", base, relative=True)) == {
        code_identity.PACKAGE / "__init__.py"
    }
