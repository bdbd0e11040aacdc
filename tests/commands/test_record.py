"""``record``: what is kept of a finished study."""

from pathlib import Path

import pandas as pd
import pytest
from commands.tree import Tree

from pipeline.cache import files
from pipeline.commands.record import made_with
from pipeline.report import drawn

DRAWN = {
    "tables/sizes.md": "a table",
    "tables/sizes.csv": "its numbers",
    "figures/digits-over-sparsity.png": "a figure",
    "figures/digits-over-sparsity.svg": "a figure",
    "report.md": "a page",
}


def draw(tree: Tree) -> Path:
    """Write what a drawn study has."""
    folder = tree.plan.study_folder
    for name, text in DRAWN.items():
        files.write_bytes(folder / name, text.encode())
    columns = {"pruner": ["none", "l1"], "value": [0.123456789, None], "low": [None, None]}
    pd.DataFrame(columns).to_csv(folder / "results.csv", index=False)
    drawn.sign(tree.plan.marker, [folder / name for name in (*DRAWN, "results.csv")])
    return folder


def test_it_keeps_the_study_its_tables_figures_and_numbers(tree: Tree) -> None:
    draw(tree)
    status, lines = tree.call("record", "tiny.yaml", "kept")
    assert not status
    assert lines == ["5 files in kept; what they show is for kept/README.md"]
    kept = {str(file.relative_to("kept")) for file in Path("kept").rglob("*") if file.is_file()}
    assert kept == {
        "study.yaml",
        "results.csv",
        "made-with.md",
        "tables/sizes.md",
        "figures/digits-over-sparsity.png",
    }
    assert Path("kept/study.yaml").read_text() == Path("tiny.yaml").read_text()
    assert Path("kept/tables/sizes.md").read_text() == "a table"
    lines = Path("kept/results.csv").read_text().splitlines()
    assert lines == ["pruner,value,low", "none,0.12346,", "l1,,"]


def test_what_an_earlier_record_had_goes(tree: Tree) -> None:
    draw(tree)
    for name in ("tables/old.md", "README.md"):
        files.write_bytes(Path("kept", name), b"from before")
    tree.call("record", "tiny.yaml", "kept")
    assert not Path("kept/tables/old.md").exists()
    assert Path("kept/README.md").exists()


def test_a_study_that_was_not_drawn_as_it_stands_is_refused(tree: Tree) -> None:
    draw(tree)
    tree.plan.marker.unlink()
    status, lines = tree.call("record", "tiny.yaml", "kept")
    assert status == "tiny.yaml is not drawn as it stands; run snakemake first"
    assert lines == []
    assert not Path("kept").exists()


@pytest.mark.parametrize(
    "name", ["results.csv", "tables/sizes.md", "figures/digits-over-sparsity.png"]
)
def test_what_was_edited_by_hand_is_refused(tree: Tree, name: str) -> None:
    file = draw(tree) / name
    file.write_text(file.read_text().replace("0.123456789", "0.9") + " ")
    status, _ = tree.call("record", "tiny.yaml", "kept")
    marker = tree.plan.marker
    assert status == f"{file} is not what was drawn; delete {marker} and run snakemake again"
    assert not Path("kept").exists()


def test_what_was_not_drawn_is_not_kept(tree: Tree) -> None:
    files.write_bytes(draw(tree) / "tables/mine.md", b"by hand")
    tree.call("record", "tiny.yaml", "kept")
    assert not Path("kept/tables/mine.md").exists()


def test_what_made_it_is_added_up() -> None:
    def job(
        seconds: float, memory: int, device: str, commit: str | None = "0123456789abcdef"
    ) -> dict[str, object]:
        # Versions before 0.2 knew no commit and counted no CPU seconds.
        cpu = {"cpu_seconds": seconds * 4 / 3} if commit else {}
        return cpu | {
            "wall_seconds": seconds, "peak_memory_mb": memory, "finished": "2026-11-02T10:00:00",
            "host": "secret", "device": device, "python": "3.12.1", "versions": {"torch": "2.11"},
            "commit": commit,
        }  # fmt: skip

    text = made_with([("train", job(10.4, 500, "A")), ("infer", job(1, 100, "A")),
                      ("train", job(20, 400, "B", "0123456789abcdef, edited")),
                      ("score", job(1, 100, "B", None))])  # fmt: skip
    assert text.splitlines()[4:] == [
        "| train | 2 | 30 | 41 | 500 |",
        "| infer | 1 | 1 | 1 | 100 |",
        "| score | 1 | 1 | unknown | 100 |",
        "",
        "Together: 32 s, unknown CPU s.",
        "",
        "- Python: 3.12.1",
        "- torch: 2.11",
        "- device: A, B",
        "- day: 2026-11-02",
        "- commit: 0123456789, 0123456789 (edited), none known",
    ]
