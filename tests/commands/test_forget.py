"""forget: an artifact, all that was made from it, and what was drawn."""

import fcntl
import shutil
from pathlib import Path

from commands.tree import Tree
from support import TINY

from pipeline.running.plan import Plan


def test_what_was_made_from_it_goes_too(tree: Tree) -> None:
    backup = Path(".snakemake/backups") / tree.at("plain-1/l1-0.5", "infer")
    backup.mkdir(parents=True)
    status, lines = tree.call("forget", "digits/resnet18/plain-1/l1-0.5")
    assert not status
    # The pruned and the fine-tuned network, its predictions, and the ensemble that they are in.
    assert [line.split("/")[-1].split("~")[0] for line in lines[:-1]] == [
        "score", "finetune", "infer", "prune"
    ]  # fmt: skip
    assert tree.count() == 32 - 4
    assert not backup.exists()
    assert not tree.plan.marker.exists()
    assert (tree.plan.study_folder / "results.csv").exists()
    assert lines[-1].startswith("4 artifacts, ")


def test_one_folder_and_a_dry_run(tree: Tree) -> None:
    folder = tree.at("plain-0", "infer")
    size = sum(
        file.stat().st_size
        for each in (folder, tree.at("msp", "score"), tree.at("ensemble", "score"))
        for file in each.iterdir()
    )
    for option in (["--dry-run"], []):
        _, lines = tree.call("forget", f"{folder}/", *option)
        verb = "would forget" if option else "forgot"
        assert [line.split()[0] for line in lines[:-1]] == [verb.split()[0]] * 3
        assert lines[1] == f"{verb} {tree.root / 'digits/resnet18/msp'}/{lines[1].split('/')[-1]}"
        assert lines[-1] == f"3 artifacts, {size / 1000:.3g} kB"
        assert tree.count() == (32 if option else 29)
        assert tree.plan.marker.exists() == bool(option)


def test_it_sees_past_checkpoints_that_were_deleted(tree: Tree) -> None:
    for stage in ("prune", "finetune"):
        shutil.rmtree(tree.at("plain-1/l1-0.5", stage))
    tree.call("forget", str(tree.at("plain-1", "train")))
    assert not list((tree.root / "digits/resnet18/plain-1").rglob("manifest.json"))
    # Data, the check, two networks with 4 pruned and 2 fine-tuned ones, 6 predictions, 6 scores.
    assert tree.count() == 1 + 1 + 2 + 4 + 2 + 6 + 6


def test_a_damaged_manifest_is_no_obstacle(tree: Tree) -> None:
    (tree.at("plain-0", "infer") / "manifest.json").write_text("{")
    status, lines = tree.call("forget", str(tree.at("plain-0", "infer")))
    assert not status
    assert lines[-1].startswith("3 artifacts")


def test_what_is_being_made_is_not_forgotten(tree: Tree) -> None:
    folder = tree.at("ensemble/l1-0.5", "score")
    with (folder / ".lock").open("w") as lock:
        lock.write("process 7 on here")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, lines = tree.call("forget", "digits/resnet18/plain-1")
    assert status == f"{folder} is being made by process 7 on here; stop it first"
    assert lines == []
    assert tree.count() == 32


def test_a_path_is_a_place_however_it_is_written(tree: Tree) -> None:
    place = "digits/resnet18/msp/l1-0.5"
    for written in (place, f"{place}/", f"./{place}", f"artifacts/{place}", f"./artifacts//{place}",
                    str(Path("artifacts", place).absolute())):  # fmt: skip
        status, lines = tree.call("forget", "--dry-run", written)
        assert not status
        assert lines[-1].startswith("1 artifact, ")


def test_backups_of_artifacts_elsewhere_go_too(tree: Tree) -> None:
    """Snakemake's plan has such paths absolute, so that its backups stay in their folder."""
    folder = tree.at("msp", "score")
    Path("here").mkdir()
    backup = Path(".snakemake/backups").absolute()
    backup = backup.joinpath(*folder.absolute().parts[1:])
    backup.mkdir(parents=True)
    root = "here/../artifacts"
    assert Plan.load({**TINY, "artifacts": root}).artifacts == Path("artifacts").absolute()
    assert not tree.call("--artifacts", root, "forget", "digits/resnet18/msp")[0]
    assert not folder.exists()
    assert not backup.exists()


def test_a_place_without_artifacts_is_refused(tree: Tree) -> None:
    for place in ("digits/resnet18", "digits/vgg19/plain-0", "studies/tiny", "../artifacts", ""):
        status, _ = tree.call("forget", place)
        assert str(status).startswith("no artifacts in artifacts")
    assert tree.count() == 32
