"""What the figures of recalibration, sets and parts draw, and the tables beside them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.report import results
from pipeline.report.figures import conformal, parts, recalibration
from pipeline.report.tables import conformal as sets_table
from pipeline.report.tables import parts as parts_table
from pipeline.report.tables import recalibration as table
from pipeline.report.view import View
from pipeline.study import REPEATS

NETWORKS = [("none", 0.0), ("l1", 0.4), ("l1", 0.8), ("random", 0.4), ("random", 0.8)]
DEFINITIONS = ["logit_variance", "entropy", "expected_entropy", "mutual_information",
               "disagreement"]  # fmt: skip
SCALED = ["temperature", *(key for pair in table.AFTER.items() for key in pair)]
SETS = ["lac_coverage", "lac_size", "aps_coverage", "aps_size"]


def value(metric: str, definition: str, pruner: str, sparsity: float) -> float:
    """A number that tells where it belongs."""
    place = [*SCALED, *SETS, "mean_uncertainty"].index(metric) + DEFINITIONS.index(definition) / 10
    return place + sparsity / 100 + (pruner == "random") / 1000


@pytest.fixture(scope="module")
def view() -> View:
    """One network by MSP, which has no parts, and by an ensemble."""
    rows = [
        {
            "dataset": "digits", "architecture": "resnet18", "pruner": pruner, "sparsity": sparsity,
            "uncertainty": uncertainty, "definition": definition,
            "default": definition == "logit_variance", "metric": metric,
            "value": value(metric, definition, pruner, sparsity),
            "low": value(metric, definition, pruner, sparsity) - 0.5, "high": np.nan,
            "samples": 1, "images": 100, "parameters": 1e6, "macs": 1e6,
        } | REPEATS
        for pruner, sparsity in NETWORKS
        for uncertainty in ("msp", "ensemble")
        for definition in DEFINITIONS[: 5 if uncertainty == "ensemble" else 2]
        for metric in (*SCALED, *SETS, "mean_uncertainty")
    ]  # fmt: skip
    return View(pd.DataFrame(rows, columns=results.COLUMNS)).of("digits", "resnet18")


def test_rows_are_metrics_and_columns_are_methods(view: View) -> None:
    ((name, figure),) = recalibration.figures(view)
    assert name == "recalibration"
    assert [ax.get_title() for ax in figure.axes] == ["MSP", "Deep ensemble", *[""] * 4]
    labels = [ax.get_ylabel() for ax in figure.axes[::2]]
    assert labels == ["ECE before", "ECE after scaling", "Temperature"]
    after = figure.axes[2].lines
    place = SCALED.index("ece_scaled")
    # Pruners in the study's order, each from the unpruned network on.
    assert np.asarray(after[0].get_ydata()) == pytest.approx([place, place + 0.004, place + 0.008])
    assert np.asarray(after[2].get_ydata()) == pytest.approx([place, place + 0.005, place + 0.009])
    # A temperature of 1 changes nothing.
    assert list(figure.axes[4].lines[0].get_ydata()) == [1, 1]


def test_sets_are_held_against_their_aim(view: View) -> None:
    ((_, figure),) = conformal.figures(view)
    at_aim = [list(ax.lines[0].get_ydata()) == [0.9, 0.9] for ax in figure.axes]
    assert at_aim == [False, False, True, True] * 2


def test_parts_are_means_of_their_definitions(view: View) -> None:
    ((_, figure),) = parts.figures(view)
    # MSP predicts once.
    assert [ax.get_title() for ax in figure.axes] == ["Deep ensemble", "", ""]
    aleatoric, epistemic, disagreement = (
        np.asarray(ax.lines[0].get_ydata())[0] for ax in figure.axes
    )
    place = len(SCALED) + len(SETS)
    assert [aleatoric, epistemic, disagreement] == pytest.approx(
        [place + 0.2, place + 0.3, place + 0.4]
    )
    (found,) = parts_table.tables(view)
    assert [row[:3] for row in found.rows[::2]] == [
        [name, "L1", "Deep ensemble"]
        for name in ("total", "aleatoric", "epistemic", "disagreement")
    ]
    assert found.rows[3][3:] == [f"{place + 0.2 + x:.4f}" for x in (0, 0.005, 0.009)]
    assert list(found.numbers.columns[-4:]) == [
        "entropy", "expected_entropy", "mutual_information", "disagreement"
    ]  # fmt: skip


def test_tables_have_before_and_after(view: View) -> None:
    (found,) = table.tables(view)
    assert found.header == ["Metric", "Pruner", "Uncertainty", "s = 0", "s = 0.4", "s = 0.8"]
    assert found.rows[1] == [
        "NLL", "L1", "Deep ensemble", "1.0000 → 2.0000", "1.0040 → 2.0040", "1.0080 → 2.0080"
    ]  # fmt: skip
    assert found.rows[-1] == ["Temperature", "Random", "Deep ensemble", "0.00", "0.01", "0.01"]
    assert r"1.0000 $\rightarrow$ 2.0000" in found.latex()
    (found,) = sets_table.tables(view)
    places = [len(SCALED) + x for x in (0, 0.004, 0.008)]
    cells = [f"{100 * place:.1f}/{place + 1:.2f}" for place in places]
    assert found.rows[0] == ["LAC", "L1", "MSP", *cells]


def test_what_was_not_scored_is_not_drawn(view: View) -> None:
    frame = view.frame[view.frame["metric"] == "nll"]
    bare = replace(view, frame=frame, whole=None)
    for module in (recalibration, conformal, parts):
        assert not [*module.figures(bare)]
    for module in (table, sets_table, parts_table):
        assert not [*module.tables(bare)]
