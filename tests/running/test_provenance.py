"""How an artifact was made: which commit, which versions, which CPU time."""

import subprocess
from pathlib import Path

import pytest

from pipeline.cache import files, paths, specs
from pipeline.running import provenance
from pipeline.running.provenance import commit, differing_versions
from pipeline.running.switches import Switches


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@b.c", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in a repository, committed."""
    package = tmp_path / "src" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (tmp_path / "README.md").touch()
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "First")
    return package


def test_the_commit_is_named_and_whether_code_was_edited(package: Path) -> None:
    head = git(package, "rev-parse", "HEAD")
    assert commit(package) == head
    (package.parents[1] / "README.md").write_text("no code")
    assert commit(package) == head
    (package / "new.py").touch()
    assert commit(package) == f"{head}, edited"
    (package / "new.py").unlink()
    (package / "__init__.py").write_text("VALUE = 1")
    assert commit(package) == f"{head}, edited"


def test_a_foreign_repository_is_not_named(package: Path) -> None:
    installed = package.parents[1] / ".venv" / "package"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    assert commit(installed) is None
    (package.parents[1] / ".gitignore").write_text(".venv")
    assert commit(installed) is None


def test_a_hook_of_another_repository_does_not_lend_its_own(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = git(package, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert commit(package) == head


def test_no_repository_and_no_git_are_no_commit(
    tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert commit(tmp_path / "none") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(package) is None


def test_versions_that_differ_are_named(tmp_path: Path) -> None:
    made = {
        "train~1": {"torch": "2.6.0", "torch-pruning": "1.6"},
        "train~2": {"torch": "2.7.0", "torch-pruning": "1.6", "numpy": "3"},
        "infer~3": {"torch": "2.7.0", "torch-pruning": None, "numpy": "2"},
        "score~4": {"torch": "2.8.0"},
    }
    for name, versions in made.items():
        files.write_json(tmp_path / name / paths.PROVENANCE, {"versions": versions})
    (tmp_path / "train~5").mkdir()
    files.write_json(tmp_path / "train~6" / paths.PROVENANCE, ["damaged"])
    names = [*made, "train~5", "train~6"]
    assert differing_versions(tmp_path / name for name in names) == [
        "made with different versions of torch: 2.6.0 (1), 2.7.0 (2)"
    ]
    assert differing_versions([tmp_path / "train~2", tmp_path / "infer~3"]) == []


@pytest.mark.parametrize("damaged", [None, b"{", b"[]", b'{"wall_seconds": "1"}'])
def test_what_was_interrupted_counts(tmp_path: Path, damaged: bytes | None) -> None:
    provenance.note_interrupted(tmp_path, 100.0)
    provenance.note_interrupted(tmp_path, 20.0)
    if damaged is not None:
        (tmp_path / provenance.INTERRUPTED).write_bytes(damaged)
    noted = provenance._read(tmp_path / provenance.INTERRUPTED)
    provenance.write(
        tmp_path, specs.Data("digits"), Switches(), device="cpu", threads=1, seconds=3.0
    )
    found = provenance.read(tmp_path)
    assert found["wall_seconds"] == (123.0 if damaged is None else 3.0)
    assert found["cpu_seconds"] > (noted["cpu_seconds"] if damaged is None else 0)
    assert not (tmp_path / provenance.INTERRUPTED).exists()
