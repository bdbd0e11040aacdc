"""``published``: the paper's own numbers, without a study."""

from pathlib import Path

from commands.tree import Call


def test_it_draws_into_the_folder_and_says_so(call: Call) -> None:
    status, lines = call("published", "paper")
    assert not status
    assert lines == ["the paper's tables and figures: paper/report.md"]
    assert Path("paper/figures/imagenet-over-sparsity.png").is_file()
    assert [each.name for each in Path().iterdir()] == ["paper"]
