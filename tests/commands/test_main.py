"""What all commands share: an empty tree, complaints in one line, a reader that goes away."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from commands.tree import Call
from support import TINY

COMMANDS = (
    ["status", "study.yaml"],
    ["where", "study.yaml"],
    ["gc", "study.yaml"],
    ["gc", "study.yaml", "--checkpoints", "--delete"],
    ["forget", "digits"],
    ["code", "--study", "study.yaml"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_on_an_empty_tree_all_is_well(call: Call, command: list[str]) -> None:
    Path("study.yaml").write_text(yaml.safe_dump(TINY))
    status, lines = call("--artifacts", "elsewhere", *command)
    assert not status
    assert lines
    assert [each.name for each in Path().iterdir()] == ["study.yaml"]


@pytest.mark.parametrize("studies", [[], ["study.yaml"]])
def test_nothing_to_verify_is_no_success(call: Call, studies: list[str]) -> None:
    Path("study.yaml").write_text(yaml.safe_dump(TINY))
    status, lines = call("--artifacts", "elsewhere", "verify", *studies)
    assert str(status).startswith("elsewhere: there is no such folder")
    assert lines == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "study.yaml: No such file or directory"),
        ("- 1", "study.yaml does not hold a study: expected `key: value` lines"),
        ("a: [", "study.yaml, line 1 is not valid YAML"),
        ("study: x", "study.yaml: the study: missing 'datasets', "),
        ("artifacts: else", "study.yaml: its artifacts are in else; add --artifacts else"),
    ],
)
@pytest.mark.parametrize("command", ["status", "where", "verify", "gc"])
def test_a_bad_study_is_a_complaint_of_one_line(
    call: Call, command: str, content: str | None, complaint: str
) -> None:
    if content is not None:
        Path("study.yaml").write_text(content)
    status, lines = call(command, "study.yaml")
    assert str(status).startswith(complaint)
    assert "\n" not in str(status)
    assert lines == []


def test_a_reader_may_go_away(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(TINY))
    command = [sys.executable, "-m", "pipeline", "where", "study.yaml"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141  # 128 + SIGPIPE, as a shell says it


def test_the_commands_start_without_torch() -> None:
    code = "import sys, pipeline.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
