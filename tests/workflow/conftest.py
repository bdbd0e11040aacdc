"""The tiny study, run once."""

from pathlib import Path

import pytest
from support import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose tiny study has been run, to be looked at or copied."""
    project = Project(tmp_path_factory.mktemp("finished"))
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
