"""Another replicate of a finished study: what the plan and the commands make of it."""

from pathlib import Path

import pytest
from commands.tree import Tree

from pipeline.errors import PipelineError
from pipeline.running.plan import Plan


def test_another_replicate_is_a_part_of_the_study_like_any_other(tree: Tree) -> None:
    again = tree.write("again", replicates=2)
    # Everything but the data and the check, and nothing that was there.
    missing = again.missing()
    assert len(missing) == 30
    assert all(name.startswith("digits/resnet18/r1/") for name in missing)

    status, lines = tree.call("status", "again.yaml")
    assert not status
    rows = [line.split() for line in lines[: lines.index("")]]
    assert len(rows) == 18
    assert rows[0][:8] == ["digits", "resnet18", "none", "0", "msp", "replicate", "0", "done"]
    assert rows[-1][4:8] == ["ensemble", "replicate", "1", "makes"]
    assert lines[-1].startswith("again: 9 of 18 combinations done")

    with pytest.raises(PipelineError, match=r"^frozen: no predictions in .*/resnet18/r1/.*more$"):
        Plan.load({**again.study.content, "frozen": True})

    tree.add("both", replicates=2)
    assert Plan.load(again.study.content).missing() == {}
    assert tree.call("verify", "both.yaml")[1][-1] == "0 problems in 62 artifacts"
    _, lines = tree.call("where", "both.yaml", "digits/resnet18/r1/ensemble/l1-0.5")
    made_from = [line.split()[0].removeprefix("artifacts/digits/") for line in lines if line]
    assert sum(name.startswith("resnet18/r1/plain-") for name in made_from) == 8
    assert not [name for name in made_from if name.startswith("resnet18/plain-")]
    # A study without it keeps its own.
    _, lines = tree.call("gc", "tiny.yaml")
    assert len([line for line in lines if "/resnet18/r1/" in line]) == 30
    assert lines[-1].startswith("artifacts that can go: 30, ")
    _, lines = tree.call("forget", "digits/resnet18/r1/plain-0", "--dry-run")
    gone = [line for line in lines if "artifacts/digits/" in line]
    assert gone
    assert all("/resnet18/r1/" in line for line in gone)
    assert Path("artifacts/digits/resnet18/plain-0").is_dir()
