"""The workflow's edges: targets, paths, clocks, interpreters, and jobs that cannot succeed."""

import os
import sys
import time
from pathlib import Path

import pytest
from support import Project, jobs

PLACE = "digits/resnet18/msp/l1-0.5"


@pytest.fixture
def empty(tmp_path: Path) -> Project:
    """A project in which nothing is there."""
    return Project(tmp_path)


def complaint(project: Project, *arguments: str, **changes: object) -> str:
    """The one line that a dry run ends with."""
    status, printed = project.dry_run(*arguments, **changes)
    assert status == 1
    lines = [line for line in printed.splitlines() if not line.startswith("Using workflow")]
    assert len(lines) == 1, printed
    return lines[0]


def test_a_place_may_be_written_as_a_path(empty: Project) -> None:
    expected = empty.planned(PLACE)
    assert expected["score digits/resnet18/msp/l1-0.5"] == 1
    del expected[f"all at {PLACE}"]
    for target in (f"{PLACE}/", f"artifacts/{PLACE}", f"artifacts/{PLACE}/", f"./{PLACE}"):
        planned = empty.planned(target)
        assert planned.pop(f"all at {target}") == 1
        assert planned == expected, target


def test_a_data_set_may_be_called_like_a_rule(empty: Project) -> None:
    named = {"datasets": [{"name": "digits", "label": "train"}]}
    whole = empty.planned(**named)
    assert whole["train train/resnet18/plain-0"] == 1
    assert empty.planned("train/", **named) == jobs("read train") + jobs("all at train/")
    assert complaint(empty, "train", **named) == (
        "study: train is a rule and a data set; for the data set's place say train/"
    )
    named = {"datasets": [{"name": "digits", "label": "figures"}]}
    assert empty.planned("figures", **named)["all figures"] == 1
    assert empty.planned("figures/", **named) == jobs("read figures") + jobs("all at figures/")


def test_braces_in_a_path(empty: Project, tmp_path: Path) -> None:
    plugin = tmp_path / "{place}" / "smallest.py"
    plugin.parent.mkdir()
    plugin.write_text("def scores(model, groups): ...\n")
    study = empty.write("my{study}", plugins=["{place}/smallest.py"], pruners=["smallest"])
    done = empty.call("snakemake", "-n", "--cores", "1", "--configfile", study)
    assert done.returncode == 0, done.stderr
    assert "draw tables and figures" in done.stdout + done.stderr
    assert complaint(empty, "--config", "artifacts=a{b}") == (
        "study: artifacts: 'a{b}' is not a folder without braces, which Snakemake takes for "
        "wildcards"
    )


def test_braces_in_the_projects_path_are_refused(tmp_path: Path) -> None:
    (tmp_path / "{x}").mkdir()
    assert complaint(Project(tmp_path / "{x}")) == (
        f"study: {tmp_path}/{{x}}: Snakemake takes braces in the project's path for wildcards; "
        "move or rename it"
    )


@pytest.mark.parametrize("key", ["artifacts", "output"])
def test_a_folder_without_a_name_is_refused(empty: Project, key: str) -> None:
    assert complaint(empty, "--config", f"{key}=") == f"study: {key}: '' is not a folder's name"


def test_the_home_folder_in_a_path(empty: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    for written in ("~/big", "$HOME/big"):
        assert str(empty.plan(output=written).study_folder) == "/home/somebody/big/studies/tiny"


def test_only_a_target_that_draws_says_what_was_drawn(project: Project) -> None:
    for marker in project.artifacts.glob("studies/tiny/.plot~*"):
        marker.unlink()
    project.run("digits/resnet18/msp")
    (score,) = (project.artifacts / "digits/resnet18/msp").glob("score~*/scores.json")
    score.unlink()
    assert "tables and figures:" not in project.run("digits/resnet18/msp")
    assert "tables and figures: artifacts/studies/tiny" in project.run()


def test_time_stamps_in_the_future(project: Project) -> None:
    future = time.time() + 7200
    for file in project.artifacts.rglob("*"):
        os.utime(file, (future, future), follow_symlinks=False)
    added = {"pruners": ["l1", "resrep", "random"], "uncertainties": ["msp"]}
    assert project.planned(**added)["prune digits/resnet18/plain-0/random-0.5"] == 1
    project.run(**added)
    assert not project.planned(**added)


def test_jobs_run_the_interpreter_that_runs_snakemake(empty: Project, tmp_path: Path) -> None:
    stub = tmp_path / "bin"
    stub.mkdir()
    for name in ("python", "python3"):
        (stub / name).write_text("#!/bin/sh\necho the wrong python >&2\nexit 1\n")
        (stub / name).chmod(0o755)
    path = f"PATH={stub}{os.pathsep}{os.environ['PATH']}"
    done = empty.call(*empty.command("digits"), before=("env", path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert sys.executable in empty.call(*empty.command("-n", "-p", "digits/resnet18/msp")).stdout


STAGE = '''"""Stage data: {how}."""

from pathlib import Path

from pipeline.errors import Interrupted, PipelineError


def run(spec, job):
    """Fail."""
    with Path("tries.txt").open("a") as file:
        file.write("x")
    raise {how}("once more")
'''


@pytest.mark.parametrize(
    ("how", "tries"), [("PipelineError", 1), ("TypeError", 1), ("Interrupted", 3), ("OSError", 3)]
)
def test_only_what_may_succeed_is_tried_again(empty: Project, how: str, tries: int) -> None:
    (empty.folder / "src/pipeline/stages/data.py").write_text(STAGE.format(how=how))
    done = empty.snakemake("--retries", "2", "digits")
    assert done.returncode == 1
    assert (empty.folder / "tries.txt").read_text() == "x" * tries
    assert not list(empty.artifacts.rglob(".failed"))
