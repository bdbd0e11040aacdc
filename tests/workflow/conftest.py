"""The tiny study, run once."""

import fcntl
import os
from pathlib import Path

import pytest
from support import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose tiny study has been run, to be looked at or copied.

    The study runs once, for the first test that needs it. Every test worker gets a copy.
    """
    folder = tmp_path_factory.mktemp("finished")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return run(folder)
    shared = tmp_path_factory.getbasetemp().parent / "finished"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_there = shared.with_suffix(".run")
        project = Project.at(shared) if is_there.exists() else run(shared)
        is_there.touch()
        return project.copy(folder)


def run(folder: Path) -> Project:
    """A project in which the tiny study has been run."""
    folder.mkdir(exist_ok=True)
    project = Project(folder)
    # An identity of their own keeps edited units what they are, and lets them be edited further.
    listed = project.call("pipeline", "code", "--study", project.write()).stdout
    edited = [line.split(":")[0] for line in listed.splitlines() if ": edited" in line]
    if edited:
        assert project.call("pipeline", "code", "--new", *edited).returncode == 0
    project.run()
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of that project, to be changed."""
    return finished.copy(tmp_path)
