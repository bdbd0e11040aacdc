"""Figures 6 and 7, drawn from the paper's own tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from pipeline.report.figures.over_sparsity import draw
from pipeline.report.paper import printed
from pipeline.report.view import METRICS, View


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return printed.published()


def view(frame: pd.DataFrame, *names: str, metrics: Sequence[str] = METRICS) -> View:
    return View(frame, metrics=metrics).of(*names)


def test_each_metric_has_a_row_and_each_architecture_a_column(frame: pd.DataFrame) -> None:
    axes = draw(view(frame, "cifar100")).axes
    assert len(axes) == 8
    assert [ax.get_title() for ax in axes[:3]] == ["ResNet18", "VGG19", ""]
    assert [ax.get_ylabel() for ax in axes[::2]] == [
        "Accuracy (%), higher is better",
        "AUSE, lower is better",
        "AUSE ÷ random, lower is better",
        "ECE, lower is better",
    ]
    assert len(draw(view(frame, "imagenet", metrics=["ece"])).axes) == 2


def test_lines_follow_the_tables(frame: pd.DataFrame) -> None:
    accuracy, _, ause, *_ = draw(view(frame, "cifar100")).axes
    line = accuracy.lines[0]
    assert np.asarray(line.get_ydata()) == pytest.approx([77.97, 75.19, 73.73, 71.68, 66.77])
    # Pruners stand slightly apart, the unpruned network does not.
    assert line.get_xdata()[0] == 0
    assert np.asarray(line.get_xdata()) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=0.02)
    assert np.asarray(ause.lines[0].get_ydata()) == pytest.approx(
        [0.0319, 0.0357, 0.0372, 0.0434, 0.0555]
    )


def test_chance_is_a_line_at_one(frame: pd.DataFrame) -> None:
    axes = draw(view(frame, "cifar100")).axes
    at_one = [any(list(line.get_ydata()) == [1, 1] for line in ax.lines) for ax in axes]
    assert at_one == [False] * 4 + [True] * 2 + [False] * 2


def test_intervals_are_bars_inside_the_panel(frame: pd.DataFrame) -> None:
    rows = frame[(frame["dataset"] == "imagenet") & (frame["metric"] == "accuracy")]
    rows = rows.assign(low=rows["value"] - 0.02, high=rows["value"] + 0.03)
    figure = draw(view(rows, "imagenet", metrics=[]))
    bars = [
        path.vertices[:, 1] for lines in figure.axes[0].collections for path in lines.get_paths()
    ]
    assert len(bars) == 45
    assert bars[0] == pytest.approx([67.76, 72.76])
    assert "95 % interval" in [text.get_text() for text in figure.legends[0].get_texts()]
    low, high = figure.axes[0].get_ylim()
    assert low < min(map(min, bars))
    assert high > max(map(max, bars))
