"""where: a study's folders."""

import shutil
from pathlib import Path

from commands.tree import Tree


def test_it_says_what_is_not_there(tree: Tree) -> None:
    gone = tree.at("plain-0/l1-0.5", "prune")
    shutil.rmtree(gone)
    status, lines = tree.call("where", "tiny.yaml")
    assert not status
    assert len(lines) == 32
    assert [line for line in lines if "not there" in line] == [f"{gone}  (not there)"]
    _, some = tree.call("where", "tiny.yaml", "digits/resnet18/plain-0/l1")
    assert sorted(line.split("/")[-1].split("~")[0] for line in some) == [
        "finetune", "infer", "prune"
    ]  # fmt: skip


def test_a_combination_comes_with_what_it_is_made_from(tree: Tree) -> None:
    Path("tiny.yaml").rename("config.yaml")
    place = "digits/resnet18/ensemble/l1-0.5"
    expected = [
        "digits/data", "plain-0/train", "plain-0/l1-0.5/prune", "plain-0/l1-0.5/finetune",
        "plain-0/l1-0.5/infer", "plain-1/train", "plain-1/l1-0.5/prune",
        "plain-1/l1-0.5/finetune", "plain-1/l1-0.5/infer", "ensemble/l1-0.5/score",
    ]  # fmt: skip
    for words in ([place], ["config.yaml", place], [f"./artifacts/{place}/"]):
        status, lines = tree.call("where", *words)
        assert not status
        assert [
            line.removeprefix("artifacts/").removeprefix("digits/resnet18/").split("~")[0]
            for line in lines
        ] == expected
        assert all(Path(line).is_dir() for line in lines)


def test_an_unknown_place_is_refused(tree: Tree) -> None:
    status, lines = tree.call("where", "tiny.yaml", "digits/resnet50")
    assert str(status).startswith("'digits/resnet50' is no place of the study; places: digits, ")
    assert lines == []
    assert tree.call("where", "digits")[0] == "config.yaml: No such file or directory"
    assert tree.call("where", "tiny.yaml", "digits", "digits")[0] == (
        "where: one study and one place, not tiny.yaml digits digits"
    )
