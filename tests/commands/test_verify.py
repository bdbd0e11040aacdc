"""verify: bits, parents, and what is no problem."""

import random
import shutil
from pathlib import Path

from commands.tree import Tree

from pipeline.cache import files, history, manifests
from pipeline.cache.files import sha256
from pipeline.cache.history import Epoch


def test_all_is_well(tree: Tree) -> None:
    assert tree.call("verify") == (0, ["0 problems in 32 artifacts"])


def test_problems_are_named(tree: Tree) -> None:
    altered, lost, foreign, damaged = (
        tree.at("plain-0", "train"), tree.at("plain-1/l1-0.5", "prune"),
        tree.at("msp", "score"), tree.at("plain-1", "infer"),
    )  # fmt: skip
    (altered / "model.safetensors").write_bytes(b"other bits")
    (lost / "report.json").unlink()
    manifest = manifests.read_manifest(foreign)
    manifests.Manifest("0" * 8, manifest.spec, manifest.files, {}).write(foreign)
    (damaged / "manifest.json").write_text("[]")
    told, untold = tree.at("plain-1", "train"), tree.at("dropout-0", "train")
    history.write(told, [Epoch(0, 1.0, 0.5, 0.1, 2.0)])
    (untold / "history.csv").write_text("epoch,loss\n1")
    status, lines = tree.call("verify")
    assert status == 1
    assert sorted(lines[:-1]) == sorted([
        f"{altered}: model.safetensors is not the file that was written",
        f"{lost}: report.json is missing",
        f"{foreign}: manifest.json is that of 00000000",
        f"{damaged}: manifest.json is damaged",
        f"{untold}: history.csv is damaged; delete it: nothing but learning curves needs it",
    ])  # fmt: skip
    assert lines[-1] == "5 problems in 32 artifacts; 1 made by other code"


def test_a_parent_that_was_made_again_with_other_bits(tree: Tree) -> None:
    parent = tree.at("plain-0", "infer")
    (parent / "predictions.safetensors").write_bytes(b"other bits")
    manifest = manifests.read_manifest(parent)
    files = {"predictions.safetensors": sha256(parent / "predictions.safetensors")}
    manifests.Manifest(manifest.fingerprint, manifest.spec, files, manifest.parents).write(parent)
    status, lines = tree.call("verify")
    assert status == 1
    assert lines == [
        f"{tree.at('ensemble', 'score')}: made from another copy of {parent}",
        f"{tree.at('msp', 'score')}: made from another copy of {parent}",
        "2 problems in 32 artifacts",
    ]


def test_deleted_parents_and_unfinished_artifacts_are_no_problem(tree: Tree) -> None:
    for network in ("plain-0", "plain-1", "dropout-0"):
        shutil.rmtree(tree.at(f"{network}/l1-0.5", "prune"))
    (tree.at("plain-0", "infer") / "manifest.json").unlink()
    # Three fine-tuned networks, and the scores of the unfinished predictions: msp and ensemble.
    assert tree.call("verify") == (
        0,
        ["0 problems in 29 artifacts; 5 made from parents that were deleted; 1 unfinished"],
    )


def test_other_code_is_no_problem(tree: Tree) -> None:
    folder = tree.at("plain-0/l1-0.5", "prune")
    manifest = manifests.read_manifest(folder)
    old = folder.rename(folder.with_name("prune~00000000"))
    manifests.Manifest("0" * 8, manifest.spec, manifest.files, manifest.parents).write(old)
    assert tree.call("verify")[1] == [
        "0 problems in 32 artifacts; 1 made from parents that were deleted; 1 made by other code"
    ]


def test_versions_that_differ_are_said(tree: Tree) -> None:
    for name in tree.plan.nodes:
        newer = "plain-1" in name or "score~" in name
        versions = {"torch": "2.15.0" if newer else "2.6.0", "torchvision": "0.29", "numpy": "2"}
        files.write_json(tree.root / name / "provenance.json", {"versions": versions})
    # One network, two pruned ones, a fine-tuned one and three predictions; scores need no torch.
    assert tree.call("verify") == (
        0,
        [
            "made with different versions of torch: 2.15.0 (7), 2.6.0 (16)",
            "0 problems in 32 artifacts",
        ],
    )


def test_only_what_a_study_uses(tree: Tree) -> None:
    tree.add("sparser", pruners=["l1"], sparsities=[0.75])
    (tree.at("plain-0/l1-0.75", "prune") / "report.json").unlink()
    assert tree.call("verify", "tiny.yaml") == (0, ["0 problems in 32 artifacts"])
    # The data set and the networks are shared: 1 + 3, 3 + 3 pruned, 6 predictions, 6 scores.
    assert tree.call("verify", "sparser.yaml")[1][-1] == "1 problem in 23 artifacts"
    # 3 pruned, 3 fine-tuned, 3 predictions, 3 scores and a check are the second study's own.
    assert tree.call("verify")[1][-1] == "1 problem in 45 artifacts"
    assert tree.call("verify", "tiny.yaml", "sparser.yaml")[1][-1] == "1 problem in 45 artifacts"


def test_what_a_study_plans_and_is_not_there(tree: Tree) -> None:
    # A checkpoint that nothing needs, and a score with its predictions.
    shutil.rmtree(tree.at("plain-0/resrep-0.5", "prune"))
    lost = [tree.at("plain-0/l1-0.5", "infer"), tree.at("msp/l1-0.5", "score")]
    for folder in lost:
        shutil.rmtree(folder)
    status, lines = tree.call("verify", "tiny.yaml")
    assert status == 1
    assert lines[:-1] == [f"{folder}: planned and not there" for folder in lost]
    assert lines[-1].startswith("2 problems in 29 artifacts")
    assert tree.call("verify")[0] == 0


def test_a_folder_that_is_not_there_is_no_success(tree: Tree) -> None:
    assert tree.call("--artifacts", "none", "verify")[0] == (
        "none: there is no such folder; name it with --artifacts DIR"
    )


def test_places_may_be_links(tree: Tree) -> None:
    place = tree.root / "digits" / "resnet18"
    place.rename("disk")
    place.symlink_to(Path("disk").absolute())
    assert tree.call("verify") == (0, ["0 problems in 32 artifacts"])
    assert tree.call("verify", "tiny.yaml") == (0, ["0 problems in 32 artifacts"])
    assert tree.call("gc", "tiny.yaml")[1] == ["artifacts that can go: 0, 0 bytes"]
    # Another name of a folder that a study uses is not another folder.
    place.unlink()
    place.symlink_to(Path("disk").absolute())
    (tree.root / "digits" / "alias").symlink_to(Path("disk").absolute())
    assert tree.call("gc", "tiny.yaml")[1] == ["artifacts that can go: 0, 0 bytes"]
    assert tree.call("forget", "digits")[1][-1].startswith("32 artifacts, ")
    assert tree.count() == 0
    assert not list(Path("disk").rglob("manifest.json"))


def test_mutated_manifests_are_reported_or_well(tree: Tree) -> None:
    dice = random.Random(0)
    path = tree.at("ensemble/l1-0.5", "score") / "manifest.json"
    original = path.read_bytes()
    parts = ["null", "1", "[]", "{}", '""', '"stage"', "[[]]", '{"stage": []}', "1e999"]
    for _ in range(100):
        text = original.decode()
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(text))
            length = dice.choice([0, 1, 8])
            text = text[:at] + dice.choice([*parts, "", "0"]) + text[at + length :]
        path.write_text(text)
        status, lines = tree.call("verify")
        assert status in (0, 1)
        assert lines[-1].split(" in ")[0] == (
            f"{len(lines) - 1} problem{'' if len(lines) == 2 else 's'}"
        )
        assert bool(status) == (len(lines) > 1)
