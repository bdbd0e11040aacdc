"""A part of a study: its rows, and that many parts cost what few cost, each."""

from pathlib import Path

import made_up
import pandas as pd
import pytest

from pipeline.report import results, tables
from pipeline.report.entries import made
from pipeline.report.view import View


def study_of(folder: Path, networks: int) -> View:
    scores = made_up.grid(folder, architectures=[f"network{n}" for n in range(networks)])
    return View(results.tidy(scores), scores)


def test_parts_have_the_rows_of_their_names(tmp_path: Path) -> None:
    study = study_of(tmp_path, 3)
    for part in (*study.networks, *study.datasets):
        for name, whole in (("own", study.frame), ("rows", study.means), ("points", study.points)):
            expected = whole
            for column, value in part.part.items():
                expected = expected[expected[column] == value]
            pd.testing.assert_frame_equal(getattr(part, name), expected)
        names = part.part.items()
        chosen = [
            each
            for each in study.scores
            if all(getattr(each.combination, column) == name for column, name in names)
        ]
        assert part.combinations == chosen
    nothing = study.of("digits", "no such network")
    assert nothing.points.empty
    assert nothing.combinations == []


def test_the_work_of_tables_grows_with_the_networks_and_no_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 0
    plain = results.unrepeated

    def counted(frame: pd.DataFrame, *more: object) -> pd.DataFrame:
        nonlocal rows
        rows += len(frame)
        return plain(frame, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(results, "unrepeated", counted)
    worked = []
    for networks in (2, 8):
        rows = 0
        study = study_of(tmp_path / str(networks), networks)
        assert len(list(made(tables, study))) > networks
        worked.append(rows)
    assert worked[0] > 0
    assert worked[1] <= 4.2 * worked[0]
