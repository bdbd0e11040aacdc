"""What is installed: a wheel that works where nothing else is, and the same packages by conda."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement

from pipeline.registry import PACKAGE

ROOT = Path(__file__).parents[1]

PRUNE = """
import torch
from pipeline.models import build
from pipeline.pruning import prune

model = build("resnet18", 10, width=0.125, image_size=8)
smaller, report = prune(model, "l1", 0.5, example_input=torch.zeros(1, 3, 8, 8))
print(report.widths["conv1"], tuple(smaller.eval()(torch.zeros(1, 3, 8, 8)).shape))
"""
STUDY = f"""
from pipeline.study import Study

print(len(list(Study.load({str(ROOT / "config.yaml")!r}).combinations())))
"""
PUBLISHED = """
from pipeline.report.paper.printed import published

print(len(published()["dataset"].unique()))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (found,) = folder.glob("pruning_uncertainty-*-py3-none-any.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages that holds the wheel's."""
    folder = tmp_path_factory.mktemp("site-packages")
    ZipFile(wheel).extractall(folder)
    return folder


def run(installed: Path, folder: Path, *command: str) -> str:
    """What Python prints, where `pipeline` is the wheel's."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    own = {
        file.relative_to(PACKAGE.parent).as_posix()
        for file in PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {
        "pipeline/study/schema.yaml",
        "pipeline/code.lock",
        "pipeline/report/paper/published/results.csv",
        "pipeline/report/paper/published/parameters.csv",
    } <= own
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == own


def test_the_wheel_works_elsewhere(installed: Path, tmp_path: Path) -> None:
    where = run(installed, tmp_path, "-c", "import pipeline; print(pipeline.__path__[0])")
    assert where == f"{installed / 'pipeline'}\n"
    # The default study; 4 channels of the first layer's 8; the paper's two data sets.
    assert run(installed, tmp_path, "-c", STUDY) == "66\n"
    assert run(installed, tmp_path, "-c", PRUNE) == "4 (1, 10)\n"
    assert run(installed, tmp_path, "-c", PUBLISHED) == "2\n"
    assert "status" in run(installed, tmp_path, "-m", "pipeline", "--help")
    assert list(tmp_path.iterdir()) == []


def test_the_wheels_code_is_recorded_as_the_checkouts(installed: Path, tmp_path: Path) -> None:
    code = (
        "from pipeline.cache.code_identity import identity, units\n"
        "print([(unit, identity(unit)) for unit in units()])"
    )
    assert run(installed, tmp_path, "-c", code) == run(PACKAGE.parent, tmp_path, "-c", code)


def test_the_script_is_the_package_as_a_program(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        text = archive.read(name).decode()
    assert "pruning-uncertainty = pipeline.__main__:main" in text


def test_conda_gets_the_packages_that_pip_gets() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    pip = {each.name: str(each.specifier) for each in map(Requirement, project["dependencies"])} | {
        "python": project["requires-python"]
    }
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    lines = [each for each in listed if isinstance(each, str)]
    lines += [line for each in listed if isinstance(each, dict) for line in each["pip"]]
    other_names = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
    conda = {}
    for line in lines:
        name, _, version = line.partition(" ")
        conda[other_names.get(name, name)] = version
    assert conda.pop("pip") == ""
    assert conda == pip


def test_all_say_the_same_version() -> None:
    """The package, how to cite it, and what is new in it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert project["version"] == cited["version"] == newest[1]
