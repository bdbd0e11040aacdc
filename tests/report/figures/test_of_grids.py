"""Figures of a whole made-up grid: what they draw, and that they say by which definition."""

from pathlib import Path

import made_up
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pipeline.errors import PipelineError
from pipeline.report import figures, panels, results
from pipeline.report.about import Trained
from pipeline.report.entries import entries
from pipeline.report.figures import over_cost, pruners_alike, reliability, risk_coverage, training
from pipeline.report.view import View


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> View:
    folder = tmp_path_factory.mktemp("grid")
    scores = made_up.grid(folder, pruners=["random", "l1"], sparsities=[0.4, 0.8], resamples=5)
    return View(results.tidy(scores), scores, ["ause"])


def titles(figure: Figure) -> list[str]:
    return [ax.get_title() for ax in figure.axes]


def test_each_figure_says_what_to_look_for() -> None:
    for entry in entries(figures):
        assert len(entry.CAPTION) > 60, entry.__name__
        assert "ook " in entry.CAPTION or entry is training or entry is reliability


def test_risk_is_the_error_of_what_is_answered(study: View) -> None:
    ((_, figure),) = risk_coverage.figures(study.networks[0])
    ax = figure.axes[0]
    unpruned = ax.lines[0]
    assert unpruned.get_xdata()[0] == 100
    assert unpruned.get_ydata()[0] == pytest.approx(8.0)
    # Half of the images are kept after 25 of 50 steps: .08 · .5² by the made-up curve.
    assert unpruned.get_ydata()[25] == pytest.approx(2.0)
    assert len(ax.lines) == 3
    assert [text.get_text() for text in figure.axes[1].texts] == ["variance of the logits"]


def test_reliability_shows_both_confidences_by_name(study: View) -> None:
    ((_, figure),) = reliability.figures(study.networks[0])
    labels = [ax.get_xlabel() for ax in figure.axes[:3]]
    assert labels == ["p[ŷ] (%)", "p[ŷ] (%)", "1 − scaled uncertainty (%)"]
    said = [ax.texts[0].get_text() for ax in figure.axes[:3]]
    assert said == ["ECE 0.0500", "ECE of p[ŷ] 0.0400", "ECE 0.0500"]


def test_costs_are_on_a_logarithmic_axis(study: View) -> None:
    found = dict(over_cost.figures(study.datasets[0]))
    assert list(found) == ["over-macs", "over-parameters"]
    ax = found["over-macs"].axes[0]
    assert ax.get_xscale() == "log"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["5 M", "10 M"]
    low, high = ax.get_xlim()
    assert low < 9e6 * 0.25 < 9e6 * 1.05 < high


def test_costs_that_do_not_differ_are_not_drawn() -> None:
    view = View(made_up.study(made_up.STUDY), metrics=["ause"]).datasets[0]
    assert list(over_cost.figures(view)) == []


def test_pruners_are_correlated_by_rank() -> None:
    points = pd.DataFrame(
        [
            {"pruner": pruner, "sparsity": 0.1 * (1 + at), "uncertainty": "msp", "ause": value}
            for pruner, values in {"a": [1, 2, 3, 4], "b": [2, 4, 8, 16], "c": [4, 3, 1, 2]}.items()
            for at, value in enumerate(values)
        ]
    )
    found = pruners_alike.correlations(points, "ause")
    assert list(found) == ["a", "b", "c"]
    # Spearman: 1 − 6 Σd² / (n (n² − 1)) with d² = 9 + 1 + 4 + 4.
    assert found.loc["a"].tolist() == pytest.approx([1.0, 1.0, 1 - 6 * 18 / 60])
    assert pruners_alike.correlations(points[points["sparsity"] < 0.35], "ause").empty


def test_trainings_are_drawn_where_they_were_recorded(study: View, tmp_path: Path) -> None:
    networks = [
        Trained("digits", "resnet18", "none", 0, "plain-0", tmp_path / "a"),
        Trained("digits", "resnet18", "l1", 0.4, "plain-0", tmp_path / "b"),
        Trained("digits", "resnet18", "l1", 0.8, "plain-0", tmp_path / "c"),
    ]
    view = View(study.frame, study.scores, trained=networks).networks[0]
    assert list(training.figures(view)) == []
    for each, content in zip(networks, ["1,2.0,0.5,0.1,3\n2,1.0,0.75,0.05,3\n", "1,9,1,1,1\n", ""],
                             strict=True):  # fmt: skip
        each.folder.mkdir()
        text = f"epoch,loss,accuracy,learning_rate,seconds\n{content}"
        (each.folder / training.HISTORY).write_text(text)
    ((name, figure),) = training.figures(view)
    assert name == "training"
    assert titles(figure)[:3] == ["Loss", "Accuracy (%)", "Learning rate"]
    loss, accuracy, _, pruned, *_ = figure.axes
    assert loss.lines[0].get_ydata().tolist() == [2, 1]
    assert accuracy.lines[0].get_ydata().tolist() == [50, 75]
    # The third history has no epoch, so it is left out.
    assert [line.get_ydata().tolist() for line in pruned.lines] == [[9]]


def test_a_damaged_history_is_none(tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfe\x00", b"epoch,loss\nx,1\n", b"loss\n1\n"):
        (tmp_path / "history.csv").write_bytes(content)
        assert training.read(tmp_path / "history.csv") is None
    assert training.read(tmp_path / "none.csv") is None


def test_a_study_names_its_examples(study: View) -> None:
    view = View(study.frame, study.scores, examples=[{"pruner": "random", "sparsity": 0.4}])
    drawn = panels.examples(view.networks[0])
    assert {(each.combination.pruner, each.combination.sparsity) for each in drawn} == {
        ("none", 0.0),
        ("random", 0.4),
    }
    unknown = View(study.frame, study.scores, examples=[{"pruner": "l1", "sparsity": 0.5}])
    with pytest.raises(PipelineError, match=r"no network is pruned by 'l1' to sparsity 0\.5"):
        panels.examples(unknown.networks[0])
