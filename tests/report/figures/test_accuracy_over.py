"""Figures 2 to 4, drawn from the paper's own tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pipeline.report.figures.accuracy_over import draw
from pipeline.report.paper import printed
from pipeline.report.view import METRICS, View


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return printed.published()


def view(frame: pd.DataFrame, *names: str, metrics: Sequence[str] = METRICS) -> View:
    return View(frame, metrics=metrics).of(*names)


def markers(ax: Axes) -> list[Line2D]:
    return [line for line in ax.lines if line.get_marker() != "None"]


def test_each_metric_has_a_row_and_each_method_a_column(frame: pd.DataFrame) -> None:
    figure = draw(view(frame, "cifar100", "resnet18"))
    assert len(figure.axes) == 6
    assert [ax.get_title() for ax in figure.axes[:3]] == ["MSP", "Deep ensemble", "MC dropout"]
    assert [ax.get_xlabel() for ax in figure.axes[2:4]] == [
        "AUSE, lower is better",
        "ECE, lower is better",
    ]


def test_markers_stand_at_the_tables_numbers_and_grow(frame: pd.DataFrame) -> None:
    ax = draw(view(frame, "cifar100", "resnet18")).axes[0]
    random = markers(ax)[:5]
    assert [line.get_xdata()[0] for line in random] == pytest.approx(
        [0.0319, 0.0357, 0.0372, 0.0434, 0.0555]
    )
    assert [line.get_ydata()[0] for line in random] == pytest.approx(
        [77.97, 75.19, 73.73, 71.68, 66.77]
    )
    sizes = [line.get_markersize() for line in random]
    assert sizes == sorted(set(sizes))
    assert random[0].get_color() == "black"
    assert random[1].get_color() == random[4].get_color() != "black"


def test_hollow_markers_are_the_rows_at_chance(frame: pd.DataFrame) -> None:
    ause, ece = (
        draw(view(frame, "cifar100", "resnet18", metrics=[metric])).axes
        for metric in ("ause", "ece")
    )
    hollow = [sum(line.get_markerfacecolor() == "white" for line in markers(ax)) for ax in ause]
    assert hollow == [0, 25, 24]
    assert not any(line.get_markerfacecolor() == "white" for ax in ece for line in markers(ax))


def test_each_point_has_a_level_of_its_own(frame: pd.DataFrame) -> None:
    ax = draw(view(frame, "cifar100", "resnet18", metrics=["ause"])).axes[1]
    levels = np.concatenate([each.get_offsets() for each in ax.collections])
    points = [(line.get_xdata()[0], line.get_ydata()[0], line) for line in markers(ax)]
    assert len(levels) == len(points) == 25
    for (level, accuracy), (ause, height, line) in zip(levels, points, strict=True):
        assert accuracy == height
        assert (line.get_markerfacecolor() == "white") == (ause >= level)


def test_markers_have_three_states(frame: pd.DataFrame) -> None:
    here = (frame["dataset"] == "cifar100") & (frame["architecture"] == "resnet18")
    ause = frame[here & (frame["uncertainty"] == "msp") & (frame["metric"] == "ause")]
    more = []
    for place, (_, row) in enumerate(ause.iterrows()):
        low, p = [(0.01, 0.001), (-0.01, 0.2), (-0.03, 1.0)][place % 3]
        more.append({**row, "metric": "aurg", "value": low + 0.01, "low": low, "high": low + 0.02})
        more.append({**row, "metric": "p_chance", "value": p})
    figure = draw(view(pd.concat([frame, pd.DataFrame(more)]), "cifar100", "resnet18",
                       metrics=["ause"]))  # fmt: skip
    faces = [
        "half" if line.get_fillstyle() == "bottom" else
        "hollow" if line.get_markerfacecolor() == "white" else "full"
        for line in markers(figure.axes[0])
    ]  # fmt: skip
    assert {face: faces.count(face) for face in ("full", "half", "hollow")} == {
        "full": 9, "half": 8, "hollow": 8,
    }  # fmt: skip
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"better than chance", "undecided", "no better than chance"} <= set(labels)


def test_the_ece_is_drawn_over_the_accuracies_of_its_own_tables(frame: pd.DataFrame) -> None:
    ause, _, _, ece, *_ = draw(view(frame, "cifar100", "resnet18")).axes
    # L1 at .6: 71.52 % in Table 2, 71.84 % in Table 4.
    heights = [{round(float(line.get_ydata()[0]), 2) for line in markers(ax)} for ax in (ause, ece)]
    assert 71.52 in heights[0] - heights[1]
    assert 71.84 in heights[1] - heights[0]


def test_a_collapsed_network_is_named_instead_of_squeezing_the_others(frame: pd.DataFrame) -> None:
    ax = draw(view(frame, "cifar100", "resnet18")).axes[0]
    assert [text.get_text() for text in ax.texts] == ["outside: ResRep 0.8 (0.159, 12.1 %)"]
    assert ax.get_ylim()[0] > 60
    # On ImageNet MC dropout falls with four of five pruners: that is no exception.
    ax = draw(view(frame, "imagenet", "resnet18")).axes[2]
    assert not ax.texts
    assert ax.get_ylim()[0] < 11.52


def test_networks_that_are_always_or_never_right_can_be_drawn(frame: pd.DataFrame) -> None:
    accuracies = (frame["metric"] == "accuracy") & (frame["dataset"] == "imagenet")
    for accuracy in (0.0, 1.0):
        extreme = frame.assign(value=frame["value"].mask(accuracies, accuracy))
        ax = draw(view(extreme, "imagenet", "resnet18")).axes[0]
        assert ax.get_ylim()[0] < 100 * accuracy < ax.get_ylim()[1]


def test_one_method_and_many_pruners_work(frame: pd.DataFrame) -> None:
    msp = frame[frame["uncertainty"] == "msp"]
    many = pd.concat([msp.assign(pruner=msp["pruner"] + f"_{i}") for i in range(6)])
    figure = draw(view(many, "cifar100", "vgg19", metrics=["ece"]))
    assert len(figure.axes) == 1
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"random_0", "resrep_5"} <= set(labels)
    inside = figure.legends[0].get_window_extent()
    assert inside.y0 >= 0
    assert inside.x1 <= figure.bbox.width


def test_what_is_missing_is_not_drawn(frame: pd.DataFrame) -> None:
    gap = (frame["pruner"] == "random") & (frame["sparsity"] == 0.2)
    ax = draw(view(frame[~gap], "cifar100", "resnet18")).axes[0]
    assert len(markers(ax)) == 24
