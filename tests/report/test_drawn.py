"""The marker that says what was drawn."""

from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.report import drawn


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    for name in ("results.csv", "tables/a.md"):
        (tmp_path / name).write_text(name)
    drawn.sign(tmp_path / ".plot~1", [tmp_path / "results.csv", tmp_path / "tables/a.md"])
    return tmp_path / ".plot~1"


def test_what_was_drawn_is_listed(marker: Path) -> None:
    assert drawn.check(marker) == [marker.parent / "results.csv", marker.parent / "tables/a.md"]


def test_an_edited_or_deleted_file_is_named(marker: Path) -> None:
    table = marker.parent / "tables/a.md"
    table.write_text("edited")
    with pytest.raises(PipelineError, match=r"a\.md is not what was drawn; delete .*/\.plot~1 and"):
        drawn.check(marker)
    table.unlink()
    with pytest.raises(PipelineError, match=r"a\.md is not what was drawn"):
        drawn.check(marker)


@pytest.mark.parametrize("content", ["", "[]", "\xff", "{"])
def test_a_marker_that_lists_nothing_is_refused(marker: Path, content: str) -> None:
    marker.write_text(content, encoding="latin-1")
    with pytest.raises(PipelineError, match="does not say what was drawn; delete it"):
        drawn.check(marker)


def test_no_marker_is_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="is not drawn as the study stands"):
        drawn.check(tmp_path / ".plot~2")
