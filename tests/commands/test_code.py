"""code: what an edit makes anew, and recording it."""

from pathlib import Path

import pytest
import yaml
from commands.conftest import Call
from commands.tree import Tree
from support import TINY

from pipeline import sources
from pipeline.cache import closure, code_identity, files, manifests, paths
from pipeline.running.plan import Plan


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
    assert str(status).startswith("unknown unit 'pruning.l3'; known: cutting.")
    assert len(recorded) == 2


PLUGIN = """
import helper

def scores(model, groups, *, images=None, seed=0):
    return helper.POWER
"""


@pytest.fixture
def plugin(call: Call) -> Path:
    """A study with a plugin, in the working directory."""
    Path("own").mkdir()
    Path("own/mine.py").write_text(PLUGIN)
    Path("own/helper.py").write_text("POWER = 1")
    content = TINY | {"pruners": ["mine"], "plugins": ["own/mine.py"]}
    Path("mine.yaml").write_text(yaml.safe_dump(content))
    return Path("own/helper.py")


def edit(file: Path, text: str) -> None:
    """Edit a file as if the next command were another process."""
    file.write_text(text)
    for cached in (
        sources.read, sources.syntax_tree, code_identity._digest, code_identity._file_digest,
        closure.reached, closure._imports, closure.data_files,
    ):  # fmt: skip
        cached.cache_clear()  # type: ignore[attr-defined]


def planned() -> set[str]:
    return set(Plan.load(yaml.safe_load(Path("mine.yaml").read_text())).nodes)


def test_an_edit_of_a_recorded_plugin_is_recorded_beside_it(call: Call, plugin: Path) -> None:
    before = planned()
    assert call("code", "--study", "mine.yaml")[1] == [
        "pruning.mine: a plugin that is not recorded; --new pruning.mine does so, before an edit "
        "of it"
    ]  # fmt: skip
    _, lines = call("code", "--study", "mine.yaml", "--new", "pruning.mine")
    assert planned() == before
    edit(plugin, "POWER = 2 - 1")
    moved = planned()
    # Pruned, fine-tuned, predicted and scored networks, and the check of the cuts.
    assert len(moved - before) == 3 + 3 + 3 + 3 + 1
    assert code_identity.is_recorded("pruning.mine")
    assert call("code", "--study", "mine.yaml", "--same", "pruning.mine")[1] == [
        lines[0].replace(" from now on", ", as before")
    ]
    assert planned() == before
    edit(plugin, "POWER = 1")
    assert planned() == before
    lock = Path("own/code.lock").read_text().splitlines()
    assert [line.split()[:1] for line in lock[1:]] == [["pruning.mine"]] * 2
    edit(plugin, "POWER = 3")
    assert "own" in str(code_identity.find("pruning.mine").lock)
    _, lines = call("code", "--study", "mine.yaml", "--new", "pruning.mine")
    assert lines[0].endswith("from now on")
    assert planned().isdisjoint(moved - before)
    assert call("code", "--study", "mine.yaml")[1] == ["every unit of code is recorded"]


def test_the_identity_of_a_plugin_without_a_record_is_that_of_its_artifacts(
    call: Call, plugin: Path
) -> None:
    before = planned()
    (folder,) = (Path("artifacts", each) for each in before if "plain-0/mine-0.5/prune~" in each)
    identity = code_identity.identity("pruning.mine")
    edit(plugin, "POWER = 2 - 1")
    planned()
    status, _ = call("code", "--study", "mine.yaml", "--same", "pruning.mine")
    assert str(status).startswith("pruning.mine: ")
    assert str(status).endswith("undo the edit, say --new pruning.mine, and edit it again")
    assert not Path("own/code.lock").exists()
    files.write_json(folder / paths.PROVENANCE, {"code": {"pruning.mine": identity}})
    manifests.Manifest("", {}, {}, {}).write(folder)
    _, lines = call("code", "--study", "mine.yaml")
    assert lines[0].startswith("pruning.mine: edited; the study 'tiny' makes anew: ")
    assert {"3 prune", "3 finetune"} < set(lines[0].split(": ")[-1].split(", "))
    _, lines = call("code", "--study", "mine.yaml", "--same", "pruning.mine")
    assert lines == [f"pruning.mine: goes by {identity}, as before"]
    assert planned() == before
    edit(plugin, "POWER = 1")
    assert planned() == before


def test_a_plugin_is_known_only_with_its_study(call: Call, plugin: Path) -> None:
    status, _ = call("code", "--new", "pruning.mine")
    assert str(status).startswith("unknown unit 'pruning.mine'; known: ")
    Path("mine.yaml").rename("config.yaml")
    assert call("code", "--new", "pruning.mine")[1][0].endswith("from now on")
