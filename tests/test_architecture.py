"""The rooms of the package: arrows go down only, the light ones stay light, the pictures agree."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.registry import PACKAGE

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"

# What planning, scoring and drawing import must start without torch.
LIGHT = ("study", "cache", "running", "metrics", "uncertainty", "report")


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw", PICTURES / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def circles(below: Mapping[str, set[str]]) -> list[list[str]]:
    """The circles that a walk down the arrows meets."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, above: list[str]) -> None:
        if name in above:
            found.append([*above[above.index(name) :], name])
        elif name not in done:
            for other in below.get(name, ()):
                visit(other, [*above, name])
            done.add(name)

    for name in below:
        visit(name, [])
    return found


def modules() -> dict[str, Path]:
    """The package's modules by their dotted names."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(file: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The package's modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            each = [f"{node.module}.{alias.name}" for alias in node.names]
            inner = [name for name in each if name in known]
            yield from inner
            if len(inner) < len(each) and node.module in known:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == [["a", "b", "c", "a"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_rooms_import_no_room_above_them(pictures: ModuleType) -> None:
    rooms = pictures.imports()
    assert {*LIGHT, "datasets", "models", "engine", "cutting", "pruning"} <= rooms.keys()
    assert circles(rooms) == []


def test_modules_import_each_other_in_no_circle() -> None:
    known = modules()
    assert circles({name: set(imported(file, known)) for name, file in known.items()}) == []


@pytest.mark.parametrize("room", LIGHT)
def test_light_rooms_import_no_torch(room: str) -> None:
    names = [name for name in modules() if name.split(".")[1:2] == [room]]
    code = f"import sys, {', '.join(names)}\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_module_fits_on_a_few_screens() -> None:
    lengths = {name: len(file.read_text().splitlines()) for name, file in modules().items()}
    assert {name: length for name, length in lengths.items() if length > 300} == {}
    assert sorted(lengths.values())[len(lengths) // 2] <= 110


def test_the_pictures_show_the_code_as_it_is(tmp_path: Path, pictures: ModuleType) -> None:
    # After a change: python docs/pictures/draw.py
    pictures.main(tmp_path)
    for file in tmp_path.iterdir():
        assert (PICTURES / file.name).read_text() == file.read_text(), file.name
