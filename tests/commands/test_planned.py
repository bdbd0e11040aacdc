"""Which jobs Snakemake plans; tests/workflow compares this with what it does plan."""

import os
import shutil
from collections.abc import Iterable

from commands.tree import Tree

from pipeline.commands.planned import drawing, planned


def short(names: Iterable[str]) -> set[str]:
    return {name.removeprefix("digits/").removeprefix("resnet18/").split("~")[0] for name in names}


def test_nothing_is_planned_for_what_is_drawn(tree: Tree) -> None:
    assert drawing(tree.plan) is None
    shutil.rmtree(tree.at("msp", "score"))
    shutil.rmtree(tree.at("plain-0", "train"))
    assert planned(tree.plan) == set()
    tree.plan.marker.unlink()
    assert drawing(tree.plan) == "is not drawn"
    assert short(planned(tree.plan)) == {"msp/score"}


def test_scores_that_are_newer_are_drawn_again(tree: Tree) -> None:
    shutil.rmtree(tree.at("msp", "score"))
    file = tree.at("ensemble", "score") / "scores.json"
    later = tree.plan.marker.stat().st_mtime_ns + 10**9
    os.utime(file, ns=(later, later))
    assert drawing(tree.plan) == "is older than its scores"
    assert short(planned(tree.plan)) == {"msp/score"}


def test_a_deleted_checkpoint_is_made_only_when_it_is_needed(tree: Tree) -> None:
    tree.plan.marker.unlink()
    for stage in ("prune", "finetune"):
        shutil.rmtree(tree.at("plain-0/l1-0.5", stage))
    assert planned(tree.plan) == set()
    shutil.rmtree(tree.at("plain-0/l1-0.5", "infer"))
    # The scores that the predictions are in are there.
    assert planned(tree.plan) == set()
    shutil.rmtree(tree.at("msp/l1-0.5", "score"))
    assert short(planned(tree.plan)) == {
        "plain-0/l1-0.5/prune", "plain-0/l1-0.5/finetune", "plain-0/l1-0.5/infer",
        "msp/l1-0.5/score",
        # It reads the predictions that are made again, and leaves at once.
        "ensemble/l1-0.5/score",
    }  # fmt: skip


def test_what_reads_a_file_that_is_made_again_is_planned(tree: Tree) -> None:
    tree.plan.marker.unlink()
    shutil.rmtree(tree.at("plain-0", "train"))
    shutil.rmtree(tree.at("plain-0/l1-0.5", "prune"))
    shutil.rmtree(tree.at("plain-0", "infer"))
    shutil.rmtree(tree.at("msp", "score"))
    assert short(planned(tree.plan)) == {
        "plain-0/train", "plain-0/infer", "msp/score", "ensemble/score",
        # It is there, and so are its predictions.
        "plain-0/resrep-0.5/prune",
        # It is not, so that it is made, and so goes on what is there.
        "plain-0/l1-0.5/prune", "plain-0/l1-0.5/finetune",
    }  # fmt: skip


def test_files_that_no_job_reads_are_not_missed(tree: Tree) -> None:
    tree.plan.marker.unlink()
    for place, stage, file in (
        ("plain-0/l1-0.5", "prune", "report.json"),
        ("plain-1", "infer", "manifest.json"),
        ("msp", "score", "curves.npz"),
    ):
        (tree.at(place, stage) / file).unlink()
    assert short(planned(tree.plan)) == {"msp/score"}
