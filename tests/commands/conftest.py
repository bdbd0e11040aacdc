"""Commands in a working directory of their own, and a study whose artifacts are there."""

import sys
from pathlib import Path

import pytest
from commands.tree import Call, Tree

from pipeline.__main__ import main
from pipeline.cache import code_identity


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Run a command: its exit status or its complaint, and the lines that it printed.

    No code counts as edited.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(code_identity, "edited", list)

    def call(*arguments: str) -> tuple[int | str | None, list[str]]:
        monkeypatch.setattr(sys, "argv", ["pipeline", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().out.splitlines()

    return call


@pytest.fixture
def tree(call: Call) -> Tree:
    """The finished tiny study."""
    return Tree(call)
