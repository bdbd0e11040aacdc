"""Which jobs Snakemake plans; tests/workflow compares this with what it does plan."""

import os
import shutil
from collections.abc import Iterable

import pytest
from commands.tree import Tree

from pipeline.commands.planned import why_draw


def short(names: Iterable[str]) -> set[str]:
    return {name.removeprefix("digits/").removeprefix("resnet18/").split("~")[0] for name in names}


def test_a_finished_study_is_done_whenever_its_files_were_touched(tree: Tree) -> None:
    assert why_draw(tree.plan) is None
    assert tree.plan.missing() == {}
    file = tree.at("ensemble", "score") / "scores.json"
    later = tree.plan.marker.stat().st_mtime_ns + 10**9
    os.utime(file, ns=(later, later))
    assert why_draw(tree.plan) is None


def test_what_is_not_drawn_is_drawn(tree: Tree) -> None:
    (tree.plan.study_folder / "results.csv").unlink()
    assert why_draw(tree.plan) == "is not drawn"
    (tree.plan.study_folder / "results.csv").touch()
    tree.plan.marker.unlink()
    assert why_draw(tree.plan) == "is not drawn"
    assert tree.plan.missing() == {}


def test_a_deleted_score_is_made_again_and_drawn(tree: Tree) -> None:
    shutil.rmtree(tree.at("msp", "score"))
    shutil.rmtree(tree.at("plain-0", "train"))
    assert short(tree.plan.missing()) == {"msp/score"}
    assert why_draw(tree.plan) == "is drawn from scores that are gone"


def test_a_deleted_checkpoint_is_made_only_when_it_is_needed(tree: Tree) -> None:
    for stage in ("prune", "finetune"):
        shutil.rmtree(tree.at("plain-0/l1-0.5", stage))
    assert tree.plan.missing() == {}
    shutil.rmtree(tree.at("plain-0/l1-0.5", "infer"))
    # The scores that the predictions are in are there.
    assert tree.plan.missing() == {}
    shutil.rmtree(tree.at("msp/l1-0.5", "score"))
    assert short(tree.plan.missing()) == {
        "plain-0/l1-0.5/prune", "plain-0/l1-0.5/finetune", "plain-0/l1-0.5/infer",
        "msp/l1-0.5/score",
    }  # fmt: skip


def test_what_is_there_or_not_needed_stays_when_its_parent_is_made_again(tree: Tree) -> None:
    shutil.rmtree(tree.at("plain-0", "train"))
    shutil.rmtree(tree.at("plain-0/l1-0.5", "prune"))
    shutil.rmtree(tree.at("plain-0", "infer"))
    shutil.rmtree(tree.at("msp", "score"))
    assert short(tree.plan.missing()) == {"plain-0/train", "plain-0/infer", "msp/score"}


@pytest.mark.parametrize(
    ("stage", "file"),
    [
        ("prune", "report.json"),
        ("prune", "manifest.json"),
        ("infer", "predictions.safetensors"),
        ("score", "curves.npz"),
    ],
)
def test_an_artifact_that_lacks_a_file_is_not_there(tree: Tree, stage: str, file: str) -> None:
    place = "plain-0/resrep-0.5" if stage != "score" else "msp/resrep-0.5"
    (tree.at(place, stage) / file).unlink()
    # What follows is gone, too, so that it is asked for.
    if stage == "prune":
        shutil.rmtree(tree.at("plain-0/resrep-0.5", "infer"))
    if stage != "score":
        shutil.rmtree(tree.at("msp/resrep-0.5", "score"))
    assert f"{place}/{stage}" in short(tree.plan.missing())
