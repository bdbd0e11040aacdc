"""Plugins' modules: each gets its own neighbours, and takes nothing's place."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from pipeline import plugins
from pipeline.errors import PipelineError
from pipeline.registry import use_plugins


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def load(folder: Path, **files: str) -> ModuleType:
    """The plugin `mine`, beside other files; ``a__b`` stands for ``a/b.py``."""
    write(folder, {f"{name.replace('__', '/')}.py": text for name, text in files.items()})
    return plugins.load(folder / "mine.py")


@pytest.mark.parametrize(
    "statement",
    [
        "import helper; VALUE = helper.VALUE",
        "import helper as other; VALUE = other.VALUE",
        "from helper import VALUE",
        "from . import helper; VALUE = helper.VALUE",
        "from .helper import VALUE",
        "import importlib; VALUE = importlib.import_module('helper').VALUE",
        "import importlib; VALUE = importlib.import_module('.helper', __package__).VALUE",
        "VALUE = __import__('helper').VALUE",
        "def late():\n    import helper\n    return helper.VALUE\nVALUE = late()",
    ],
)
def test_each_folder_has_its_own_helper(tmp_path: Path, statement: str) -> None:
    first = load(tmp_path / "a", mine=statement, helper="VALUE = 1")
    second = load(tmp_path / "b", mine=statement, helper="VALUE = 2")
    assert (first.VALUE, second.VALUE) == (1, 2)
    assert "helper" not in sys.modules
    assert not any(str(tmp_path) in each for each in sys.path)


@pytest.mark.parametrize(
    "statement",
    [
        "import helpers.a; VALUE = helpers.a.VALUE",
        "import helpers.a as a; VALUE = a.VALUE",
        "from helpers import a; VALUE = a.VALUE",
        "from helpers.a import VALUE",
        "import json, helpers.a; VALUE = helpers.a.VALUE + json.loads('0')",
    ],
)
@pytest.mark.parametrize("initialised", [True, False])
def test_a_helper_package_imports_its_own(
    tmp_path: Path, statement: str, initialised: bool
) -> None:
    files = {
        "mine": statement,
        "helpers__a": "from . import c\nfrom helpers.b import B\nVALUE = c.C + B",
        "helpers__b": "from .c import C\nB = 10 * C",
        "helpers__c": "C = 3",
    }
    if initialised:
        write(tmp_path, {"helpers/__init__.py": "import helpers.c as c\nassert c.C == 3\n"})
    assert load(tmp_path, **files).VALUE == 33


@pytest.mark.parametrize("name", ["random", "pipeline", "json"])
def test_no_helper_takes_the_place_of_python_or_of_the_package(tmp_path: Path, name: str) -> None:
    module = load(tmp_path, mine=f"import {name}", **{name: "raise AssertionError"})
    assert getattr(module, name) is __import__(name)


def test_a_plugin_may_wrap_the_library_that_it_is_named_after(tmp_path: Path) -> None:
    write(tmp_path, {"yaml.py": "import yaml\nfrom yaml import safe_load\nVALUE = safe_load('4')"})
    module = plugins.load(tmp_path / "yaml.py")
    assert module.VALUE == 4
    assert module.yaml is __import__("yaml")


def test_a_file_name_need_not_be_an_identifier(tmp_path: Path) -> None:
    write(tmp_path, {"my-pruner 1.5.py": "from helper import VALUE", "helper.py": "VALUE = 5"})
    assert plugins.load(tmp_path / "my-pruner 1.5.py").VALUE == 5


def test_what_is_not_valid_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"helper\.py: line 1 is not valid Python"):
        load(tmp_path, mine="import helper", helper="VALUE = ")
    with pytest.raises(PipelineError, match=r"mine\.py, line 2: use importlib"):
        load(tmp_path / "b", mine="\n__import__('a.b')", a__b="", **{"a____init__": ""})


def test_line_numbers_and_names_stay_what_they_are(tmp_path: Path) -> None:
    module = load(tmp_path, mine="import helper\n\n\ndef f():\n    helper.fail()", helper="")
    assert module.f.__code__.co_firstlineno == 4
    assert module.__file__ == str(tmp_path / "mine.py")


@pytest.mark.parametrize(
    ("signature", "fits"),
    [
        ("model, data, sparsity, recipe, *, example_input, seed=0, run=None, power=2", True),
        ("model, data, sparsity, recipe, **rest", True),
        ("*given, example_input, seed, run", True),
        ("model, data, sparsity, recipe, *, example_input, seed=0, device='cpu'", False),
        ("model, data, sparsity, recipe, *, example_input, seed, run, device", False),
        ("model, data, sparsity, *, recipe, example_input, seed, run", False),
        ("model, data, sparsity, recipe, more, *, example_input, seed, run", False),
    ],
)
def test_a_pruner_that_trains_must_fit_its_call(tmp_path: Path, signature: str, fits: bool) -> None:
    """Else its job would end in a TypeError, after the network that it prunes was trained."""
    file = tmp_path / "mine.py"
    file.write_text(f"def prune_in_training({signature}): ...\n")
    if fits:
        use_plugins([file])
        return
    with pytest.raises(PipelineError, match=r"in_training cannot be called with \(model, data"):
        use_plugins([file])
