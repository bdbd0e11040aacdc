"""Another folder under the same name: taken for the same where it is, refused where it is not."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support import Project

PETS = {"name": "imagefolder", "label": "pets", "crop_size": 32}
STUDY: dict[str, Any] = {
    "architectures": [{"name": "resnet18", "width": 1 / 32}],
    "pruners": ["random"],
    "sparsities": [],
    "uncertainties": ["msp"],
    "train": {"epochs": 1, "batch_size": 4, "lr": 0.01},
}


def pictures(root: Path, *, exchanged: bool = False) -> Path:
    """Pictures of two classes, all of one size in bytes, which may be exchanged."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 3)):
        for label in (0, 1):
            folder = root / part / f"class{label ^ exchanged}"
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 100, (40, 40, 3)) + label * 150
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.bmp")
    return root


def study(path: str, **options: Any) -> dict[str, Any]:
    return STUDY | {"datasets": [PETS | {"path": path} | options]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A study that was run with the folder ``d/t0``."""
    project = Project(tmp_path_factory.mktemp("folders"))
    pictures(project.folder / "d" / "t0")
    pictures(project.folder / "d" / "t1", exchanged=True)
    project.run(**study("d/t0"))
    return project


def test_a_folder_is_compared_once_and_told_from_another(made: Project) -> None:
    assert not made.planned(**study("d/t0"))
    # All that B would show is there already, and is not B's.
    done = made.snakemake(**study("d/t1"), study="b")
    assert done.returncode != 0
    line = next(line for line in (done.stdout + done.stderr).splitlines() if "label:" in line)
    assert str(made.folder / "d" / "t0") in line
    assert "d/t1 does not hold what" in line
    assert "8 of 8 training files are others" in line
    assert not (made.artifacts / "studies" / "b" / "results.csv").exists()
    # A copy is the same, and nothing is made anew.
    shutil.copytree(made.folder / "d" / "t0", made.folder / "d" / "copy")
    assert made.planned(**study("d/copy")) == {
        "compare pets with its folder": 1, "the whole study": 1
    }  # fmt: skip
    made.run(**study("d/copy"))
    assert not made.planned(**study("d/copy"))
    assert not made.planned(**study("d/t0"))


def test_a_folder_that_was_exchanged_in_its_place_is_noticed(made: Project, tmp_path: Path) -> None:
    project = made.copy(tmp_path / "project")
    shutil.rmtree(project.folder / "d" / "t0")
    (project.folder / "d" / "t1").rename(project.folder / "d" / "t0")
    done = project.snakemake(**study("d/t0"))
    assert done.returncode != 0
    assert "label:" in done.stdout + done.stderr


@pytest.mark.slow
def test_frozen_needs_no_folder_but_believes_no_other(made: Project, tmp_path: Path) -> None:
    project = made.copy(tmp_path / "project")
    frozen = ("--config", "frozen=true", "output=mine")
    assert project.snakemake(*frozen, **study("d/nowhere")).returncode == 0
    assert project.snakemake(*frozen, **study("d/t0")).returncode == 0
    done = project.snakemake(*frozen, **study("d/t1"), study="b")
    assert done.returncode != 0
    assert "label:" in done.stdout + done.stderr
    assert not (project.folder / "mine" / "studies" / "b" / "results.csv").exists()


@pytest.mark.slow
def test_an_artifact_of_an_older_version_gets_its_digests(made: Project, tmp_path: Path) -> None:
    project = made.copy(tmp_path / "project")
    (folder,) = (project.artifacts / "pets").glob("data~*")
    for side_file in (*folder.glob("origin~*"), folder / "digests.safetensors"):
        side_file.unlink()
    # Nothing is to be made, so nobody reads the pictures.
    assert not project.planned(**study("d/t0"))
    # Another folder is not believed, though names and sizes are the same.
    done = project.snakemake(**study("d/t1"), study="b")
    assert done.returncode != 0
    assert "8 of 8 training files are others" in done.stdout + done.stderr
    for side_file in (*folder.glob("origin~*"), folder / "digests.safetensors"):
        side_file.unlink(missing_ok=True)
    # Whatever reads pictures next waits for the digests.
    more = study("d/t0") | {"uncertainties": ["msp", "ensemble"]}
    assert project.planned(**more)["compare pets with its folder"] == 1
    project.run(**more)
    assert (folder / "digests.safetensors").exists()
