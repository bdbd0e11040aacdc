"""code: what an edit makes anew, and recording it."""

import pytest
from commands.tree import Tree

from pipeline.cache import code_identity


def test_it_says_what_an_edit_makes_anew(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tree.call("code")[1] == ["every unit of code is recorded"]
    monkeypatch.setattr(
        code_identity, "edited", lambda: ["pruning.l1", "pruning.hrank", "uncertainty.msp"]
    )
    status, lines = tree.call("code", "--study", "tiny.yaml")
    assert not status
    assert lines[0].startswith("pruning.l1: edited; the study 'tiny' makes anew: ")
    assert set(lines[0].split(": ")[-1].split(", ")) == {
        "3 prune", "3 finetune", "3 infer", "3 score"
    }  # fmt: skip
    assert lines[1].endswith("makes anew: nothing")
    assert lines[2].endswith("makes anew: 3 score")


def test_it_records_an_edit(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = []
    monkeypatch.setattr(
        code_identity,
        "record",
        lambda unit, *, same: recorded.append((unit, same)) or "12345678",
    )
    _, lines = tree.call("code", "--same", "pruning.l1", "--new", "stages.train")
    assert recorded == [("pruning.l1", True), ("stages.train", False)]
    assert lines == [
        "pruning.l1: goes by 12345678, as before",
        "stages.train: goes by 12345678 from now on",
    ]
    status, _ = tree.call("code", "--same", "pruning.l3")
    assert str(status).startswith("unknown unit 'pruning.l3'; known: datasets.")
    assert len(recorded) == 2
