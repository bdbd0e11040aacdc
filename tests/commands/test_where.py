"""where: a study's folders."""

import shutil

from commands.tree import Tree


def test_it_says_what_is_not_there(tree: Tree) -> None:
    gone = tree.at("plain-0/l1-0.5", "prune")
    shutil.rmtree(gone)
    status, lines = tree.call("where", "tiny.yaml")
    assert not status
    assert len(lines) == 31
    assert [line for line in lines if "not there" in line] == [f"{gone}  (not there)"]
    _, some = tree.call("where", "tiny.yaml", "digits/resnet18/plain-0/l1")
    assert sorted(line.split("/")[-1].split("~")[0] for line in some) == [
        "finetune", "infer", "prune"
    ]  # fmt: skip


def test_an_unknown_place_is_refused(tree: Tree) -> None:
    status, lines = tree.call("where", "tiny.yaml", "digits/resnet50")
    assert str(status).startswith("'digits/resnet50' is no place of the study; places: digits, ")
    assert lines == []
