"""The curves of a combination, drawn in percent."""

import numpy as np
import pytest

from pipeline.report.figures import sparsification
from pipeline.report.view import View


def test_each_combination_has_a_panel_and_none_is_for_a_missing_one(scored: View) -> None:
    figure = sparsification.draw(scored)
    assert [ax.axison for ax in figure.axes] == [True, True, True, False]
    assert [ax.get_title() for ax in figure.axes[:3]] == ["MSP", "my_method", "MSP"]
    assert figure.axes[2].get_ylabel().startswith("L1, sparsity 0.8\n")


def test_lines_are_chance_oracle_error_and_predicted(scored: View) -> None:
    ax = sparsification.draw(scored).axes[0]
    expected = [
        [40, 40, 40, 40, 0],
        [40, 20, 0, 0, 0],
        [0, 10, 20, 10, 0],
        [40, 30, 20, 10, 0],
    ]
    for line, values in zip(ax.lines, expected, strict=True):
        assert list(line.get_xdata()) == [0, 25, 50, 75, 100]
        assert np.asarray(line.get_ydata()) == pytest.approx(values)


def test_panels_say_how_the_ause_stands_to_chance(scored: View) -> None:
    ax = sparsification.draw(scored).axes[0]
    assert [text.get_text() for text in ax.texts] == ["AUSE 0.0750 = 0.30 × random order"]


def test_without_errors_there_is_no_chance_to_compare_with(scored: View) -> None:
    file = scored.scores[0].path
    file.write_text(file.read_text().replace("0.3", "null"))
    ax = sparsification.draw(scored).axes[0]
    assert [text.get_text() for text in ax.texts] == ["AUSE 0.0750"]
