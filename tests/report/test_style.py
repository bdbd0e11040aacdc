"""Layout, looks and files that all figures share."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from pipeline.errors import PipelineError
from pipeline.report import panels, style
from pipeline.report.figures import accuracy_over
from pipeline.report.paper import printed
from pipeline.report.view import View


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return printed.published()


def test_equal_figures_give_equal_bytes(frame: pd.DataFrame, tmp_path: Path) -> None:
    formats = ["svg", "png", "pdf"]
    for folder in ("a", "b"):
        figure = accuracy_over.draw(View(frame, metrics=["ause"]).of("imagenet", "resnet18"))
        files = style.save(figure, tmp_path / folder / "figure-0.8", formats, dpi=50)
        assert [file.name for file in files] == [
            "figure-0.8.svg",
            "figure-0.8.png",
            "figure-0.8.pdf",
        ]
    for name in formats:
        one, other = (tmp_path / folder / f"figure-0.8.{name}" for folder in ("a", "b"))
        assert one.read_bytes() == other.read_bytes()


def test_labels_stay_text_in_svg(frame: pd.DataFrame, tmp_path: Path) -> None:
    figure = accuracy_over.draw(View(frame, metrics=["ause"]).of("imagenet", "resnet18"))
    text = style.save(figure, tmp_path / "figure", ["svg"])[0].read_text(encoding="utf-8")
    for label in ("ImageNet, ResNet18", "Deep ensemble", "HRank", "Accuracy (%)", "AUSE, lower"):
        assert label in text


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"'gif'; known: svg, png, pdf"):
        style.save(Figure(), tmp_path / "figure", ["png", "gif"])
    assert not list(tmp_path.iterdir())


def test_looks_follow_the_order_of_the_study_and_repeat() -> None:
    frame = pd.DataFrame({"pruner": ["none", *(f"p{i}" for i in range(9)), "p0"]})
    looks = style.looks(View(frame).names("pruner"), ["a", "b", "c", "d"])
    assert [looks[f"p{i}"] for i in range(9)] == ["a", "b", "c", "d", "a", "b", "c", "d", "a"]
    assert looks["none"] == "a"


@pytest.mark.parametrize(
    ("values", "far"),
    [
        ([70, 71, 72, 73, 74, 75, 76, 77, 78, 12], [12]),
        ([0.1] * 5 + [0.2] * 15 + [0.31] * 18 + [2, 3], [2, 3]),
        # A gap as wide as the rest is not yet far.
        ([70, 71, 72, 73, 74, 75, 76, 77, 78, 62], []),
        # Two of ten are no exception, nor is one of nine.
        ([70, 71, 72, 73, 74, 75, 76, 77, 13, 12], []),
        ([70, 71, 72, 73, 74, 75, 76, 77, 12], []),
        ([5.0] * 12, []),
        ([], []),
    ],
)
def test_only_a_few_far_values_are_left_outside(values: list[float], far: list[float]) -> None:
    series = pd.Series(values, dtype=float)
    assert list(series[~panels.near(series)]) == far


def test_limits_hold_a_margin_also_around_equal_values() -> None:
    assert panels.limits(pd.Series([1.0, 2.0]), margin=0.1) == pytest.approx((0.9, 2.1))
    low, high = panels.limits(pd.Series([0.0, 0.0]))
    assert low < 0 < high
    low, high = panels.limits(pd.Series([98.0]))
    assert low < 98 < high


def test_labels_say_which_way_is_better() -> None:
    assert style.label("accuracy") == "Accuracy (%), higher is better"
    assert style.label("ece") == "ECE, lower is better"
    assert style.label("auroc") == "AUROC, higher is better"


def test_notes_name_one_point_and_count_the_others() -> None:
    assert panels.outside([]) == ""
    assert panels.outside(["a"]) == "outside: a"
    assert panels.outside(["a", "b", "c"]) == "outside: a and 2 more"
