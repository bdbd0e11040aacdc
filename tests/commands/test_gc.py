"""gc: what it offers to delete, what it deletes, and what it leaves alone."""

import fcntl
import shutil
from pathlib import Path

import pytest
from commands.tree import Tree
from support import snapshot

from pipeline.cache import code_identity, history, manifests, paths
from pipeline.cache.history import Epoch
from pipeline.cache.lineage import Lineage


def stages(lines: list[str]) -> list[str]:
    return sorted(line.split("~")[0].split("/")[-1] for line in lines if " delete" in f" {line}")


def test_it_wants_a_study(tree: Tree) -> None:
    status, lines = tree.call("gc")
    assert status == "gc: name every study whose artifacts are to stay"
    assert lines == []


def test_what_no_named_study_uses_can_go(tree: Tree) -> None:
    used = snapshot(Path())
    sparser = tree.add("sparser", pruners=["l1"], sparsities=[0.75])
    (check,) = {paths.folder(each) for each in sparser.checks.values()}

    def is_new(name: str) -> bool:
        return "0.75" in name or check in name

    # What nobody else should touch: another study's drawings, and folders of other names.
    for stranger in ("studies/old~stuff", "digits/notes~1", "digits/train~", "mine/train~0000000g"):
        (tree.root / stranger).mkdir(parents=True)
        (tree.root / stranger / "file").touch()
    inside = tree.root / "studies/mine/train~00000000"
    inside.mkdir(parents=True)
    everything = snapshot(Path())
    backup = Path(".snakemake/backups") / tree.at("plain-0/l1-0.75", "prune")
    backup.mkdir(parents=True)

    status, lines = tree.call("gc", "tiny.yaml")
    assert not status
    assert [line.startswith("would delete artifacts/digits/") for line in lines[:-1]] == [True] * 13
    assert stages(lines[:-1]) == sorted(["check", *["prune", "finetune", "infer", "score"] * 3])
    freed = sum(
        size
        for name, (size, _) in everything.items()
        if is_new(name) and Path(name).parent.name != "figures"
    )
    assert lines[-1] == (f"artifacts that can go: 13, {freed / 1000:.3g} kB; --delete deletes them")
    assert snapshot(Path()) == everything
    assert tree.call("gc", "tiny.yaml", "sparser.yaml")[1] == ["artifacts that can go: 0, 0 bytes"]

    status, lines = tree.call("gc", "tiny.yaml", "--delete")
    assert not status
    assert lines[0].startswith("deleted artifacts/digits/")
    left = snapshot(Path())
    assert used.items() <= left.items()
    assert {name for name in everything if is_new(name)}.isdisjoint(left)
    assert {name for name in everything if not is_new(name)} == set(left)
    assert inside.exists()
    assert not backup.exists()
    assert tree.call("gc", "tiny.yaml")[1] == ["artifacts that can go: 0, 0 bytes"]


def test_artifacts_that_were_never_finished_can_go(tree: Tree) -> None:
    stopped = tree.root / "digits/resnet18/plain-9/train~00000000"
    stopped.mkdir(parents=True)
    (stopped / "resume.safetensors").write_bytes(b"123")
    with (stopped / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert tree.call("gc", "tiny.yaml", "--delete")[1] == [
            "left alone, since they are being made: 1 artifact",
            "artifacts that can go: 0, 0 bytes",
        ]
    assert tree.call("gc", "tiny.yaml", "--delete")[1] == [
        f"deleted {stopped}, 3 bytes",
        "artifacts that can go: 1, 3 bytes",
    ]
    assert not stopped.exists()


def test_an_artifact_that_is_a_link_loses_only_the_link(tree: Tree) -> None:
    tree.add("sparser", pruners=["l1"], sparsities=[0.75])
    folder = tree.at("plain-0/l1-0.75", "prune")
    shared = Path("shared").absolute()
    folder.rename(shared)
    folder.symlink_to(shared)
    assert not tree.call("gc", "tiny.yaml", "--delete")[0]
    assert not folder.is_symlink()
    assert (shared / "model.safetensors").exists()


def test_checkpoints_whose_predictions_are_there_can_go(tree: Tree) -> None:
    # This network's predictions are lost, that one's are not what was written.
    shutil.rmtree(tree.at("plain-0/l1-0.5", "infer"))
    (tree.at("plain-1/resrep-0.5", "infer") / "predictions.safetensors").write_bytes(b"x")
    left_over = tree.at("plain-1", "train") / "resume.safetensors"
    left_over.write_bytes(b"12345")
    interrupted = tree.root / "digits/resnet18/plain-0/train~00000000"
    interrupted.mkdir()
    told, tuned = [Epoch(0, 1.0, 0.5, 0.1, 2.0)], tree.at("plain-1/l1-0.5", "finetune")
    history.write(tuned, told)
    was = manifests.read_manifest(tuned)
    before = snapshot(Path())
    _, lines = tree.call("gc", "tiny.yaml", "--checkpoints")
    assert snapshot(Path()) == before
    kept = [
        tree.at("plain-0/l1-0.5", "prune"), tree.at("plain-0/l1-0.5", "finetune"),
        tree.at("plain-1/resrep-0.5", "prune"),
    ]  # fmt: skip
    # Of 6 pruned and 3 fine-tuned networks all but these three, and the resume file.
    assert stages(lines[:-1]) == ["finetune"] * 2 + ["prune"] * 4 + ["train"]
    assert f"would delete {left_over}, 5 bytes" in lines
    tree.call("gc", "tiny.yaml", "--checkpoints", "--delete")
    assert not left_over.exists()
    assert all((folder / "model.safetensors").exists() for folder in kept)
    gone = set(before) - set(snapshot(Path()))
    assert {name.split("~")[0].split("/")[-1] for name in gone if "/train~" not in name} == {
        "prune", "finetune"
    }  # fmt: skip
    assert tree.count() == 32 - 1 - 6
    # What tells how they were trained stays, and which they were.
    assert history.read(tuned) == told
    assert Lineage(tree.root).manifest(str(tuned.relative_to(tree.root))) == was
    assert tree.call("gc", "tiny.yaml", "--checkpoints")[1][-1].startswith(
        "networks that can go: 0"
    )
    assert tree.plan.marker.exists()
    assert interrupted.exists()


def test_a_checkpoint_stays_while_another_named_study_needs_it(tree: Tree) -> None:
    longer = tree.add("longer", finetune={"epochs": 2}, pruners=["l1"], uncertainties=["msp"])
    for name, spec in longer.nodes.items():
        if spec.stage == "infer":
            shutil.rmtree(tree.root / name)
    (own,) = [name for name, spec in longer.nodes.items() if spec.stage == "finetune"]
    _, lines = tree.call("gc", "tiny.yaml", "longer.yaml", "--checkpoints")
    offered = [line.split(", ")[0].removeprefix("would delete ") for line in lines[:-1]]
    # Both studies prune the same network and fine-tune it in their own ways.
    assert str(tree.root / own) not in offered
    assert str(tree.at("plain-0/l1-0.5", "prune")) not in offered
    assert len(offered) == 9 - 1
    assert len(tree.call("gc", "tiny.yaml", "--checkpoints")[1][:-1]) == 9


def test_nothing_is_deleted_while_an_edit_is_open(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_identity, "edited", lambda: ["pruning.hrank", "stages.train"])
    status, lines = tree.call("gc", "tiny.yaml", "--delete")
    assert str(status).startswith("gc: edited and not recorded: stages.train; first say ")
    assert lines == []
    # A pruner that no named study uses is none of its business.
    monkeypatch.setattr(code_identity, "edited", lambda: ["pruning.hrank"])
    assert not tree.call("gc", "tiny.yaml", "--delete")[0]


def test_edits_of_every_studys_plugins_count(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each study has plugins of its own, of which a process knows one study's at a time."""
    Path("mine.py").write_text("def scores(model, groups, *, images=None, seed=0): ...\n")
    tree.write("own", plugins=["mine.py"], pruners=["mine"])
    monkeypatch.setattr(code_identity, "edited", code_identity.plugin_units)
    for studies in (("own.yaml", "tiny.yaml"), ("tiny.yaml", "own.yaml")):
        status, _ = tree.call("gc", *studies, "--delete")
        assert str(status).startswith("gc: edited and not recorded: pruning.mine; first say ")
