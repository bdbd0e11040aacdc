"""Tables, figures and texts of a study whose networks were trained several times."""

import numpy as np
import pandas as pd
import pytest
from made_up import Network, names, study

from pipeline.metrics import percentile_interval
from pipeline.report import replicates, results
from pipeline.report.figures import accuracy_over, over_sparsity
from pipeline.report.page import READING
from pipeline.report.paper import comparison
from pipeline.report.replicates import Resamples, averaged
from pipeline.report.table import Table
from pipeline.report.tables import definitions, every_metric, intervals, members, sizes
from pipeline.report.tables.accuracy_and_metric import accuracy_table
from pipeline.report.view import View

# Accuracies .90 .92 .94, of deviation .02, and .80 .80 .80; AUSE .05 .06 .07 and .10 .10 .13.
TRAININGS: list[list[Network]] = [
    [("none", 0.0, 0.90, 0.05), ("l1", 0.5, 0.80, 0.10)],
    [("none", 0.0, 0.92, 0.06), ("l1", 0.5, 0.80, 0.10)],
    [("none", 0.0, 0.94, 0.07), ("l1", 0.5, 0.80, 0.13)],
]


def frame(member: int = 0, trainings: list[list[Network]] = TRAININGS) -> pd.DataFrame:
    """With the ratio that tables mark, and intervals of single trainings."""
    rows = pd.concat(
        [study(each, 0.01, replicate=r, member=member) for r, each in enumerate(trainings)],
        ignore_index=True,
    )
    more = [
        rows[rows["metric"] == "ause"].assign(metric=metric, value=value, low=value, high=value)
        for metric, value in (("ause_over_random", 0.5), ("random_level", 0.1))
    ]
    return results.in_order(pd.concat([rows, *more], ignore_index=True))


def resamples(metric: str = "accuracy", scatter: float = 0.01) -> Resamples:
    """Of the images, which are hard for all replicates alike."""
    draws = np.random.default_rng(0).normal(0, scatter, 400)
    return {
        names("digits", "resnet18", pruner, sparsity, "msp", replicate=r): {
            metric: (accuracy if metric == "accuracy" else ause) + draws
        }
        for r, networks in enumerate(TRAININGS)
        for pruner, sparsity, accuracy, ause in networks
    }


def view(**changes: Resamples) -> View:
    return View(frame(), **changes).of("digits", "resnet18")  # type: ignore[arg-type]


def test_a_row_of_means_has_their_deviation() -> None:
    found = averaged(frame()).set_index(["pruner", "metric"])
    assert len(found) == len(frame()) / 3
    unpruned = found.loc[("none", "accuracy")]
    assert (unpruned["value"], unpruned["std"]) == (pytest.approx(0.92), pytest.approx(0.02))
    assert (unpruned["replicates"], unpruned["replicate"]) == (3, 0)
    # Without resamples nothing is known of the images.
    assert found[["low", "high"]].isna().all(axis=None)
    assert averaged(averaged(frame())).equals(averaged(frame()))


def test_one_training_keeps_its_rows_and_bounds() -> None:
    once = frame(trainings=TRAININGS[:1])
    found = averaged(once)
    pd.testing.assert_frame_equal(found[once.columns], once)
    assert (found["replicates"] == 1).all()
    assert found["std"].isna().all()


def test_what_one_training_lacks_has_no_mean() -> None:
    rows = frame()
    rows.loc[(rows["metric"] == "ause") & (rows["replicate"] == 1), "value"] = np.nan
    found = averaged(rows)
    assert found[found["metric"] == "ause"][["value", "std"]].isna().all(axis=None)
    assert found[found["metric"] == "accuracy"]["value"].notna().all()


def test_bounds_hold_trainings_and_images() -> None:
    found = averaged(frame(), resamples()).set_index(["pruner", "metric"])
    draws = np.random.default_rng(0).normal(0, 0.01, 400)
    # Of identical trainings the width is that of the images, 1.96 deviations to each side.
    low, high = found.loc[("l1", "accuracy"), ["low", "high"]]
    assert (high - low) / 2 == pytest.approx(1.959964 * draws.std(), rel=1e-6)
    assert percentile_interval(0.8 + draws) == (
        pytest.approx(low, abs=0.003), pytest.approx(high, abs=0.003)
    )  # fmt: skip
    # S² = .0004 and g = the variance of the images: df = (a + g)² · 2 / a².
    a, g = 0.0004 / 3, draws.var()
    from scipy.stats import t

    reach = t.ppf(0.975, (a + g) ** 2 * 2 / a**2) * (a + g) ** 0.5
    low, high = found.loc[("none", "accuracy"), ["low", "high"]]
    assert (low, high) == (pytest.approx(0.92 - reach), pytest.approx(min(0.92 + reach, 1)))
    # A ranking of too few errors in one training has no interval.
    rows = frame()
    rows.loc[(rows["metric"] == "ause") & (rows["replicate"] == 2), "low"] = np.nan
    assert averaged(rows, resamples("ause"))["low"].isna().all()


def test_p_values_are_combined() -> None:
    rows = frame()
    p = rows[rows["metric"] == "ause"].assign(metric="p_chance", value=0.004)
    found = averaged(pd.concat([rows, p], ignore_index=True))
    assert found[found["metric"] == "p_chance"]["value"].tolist() == [0.008, 0.008]


def test_tables_show_means_and_deviations_and_of_how_many_trainings() -> None:
    table = accuracy_table(view(), "ause")
    assert table.rows == [["L1", "MSP", "92.00 ± 2.00/0.600 ± 0.100", "80.00 ± 0.00/1.100 ± 0.173"]]
    assert "Means over 3 trainings of each network" in table.caption
    assert {"accuracy_std", "ause_std"} <= set(table.numbers)
    (table,) = every_metric.tables(view())
    assert table.rows[0][3] == "0.9200 ± 0.0200"
    (table,) = intervals.tables(view(resamples=resamples()))
    assert "trainings and test images" in table.caption
    assert table.rows[0][3].startswith("0.9200 ± 0.0200 [0.")
    once = View(frame(trainings=TRAININGS[:1])).of("digits", "resnet18")
    table = accuracy_table(once, "ause")
    assert table.rows == [["L1", "MSP", "90.00/0.500", "80.00/1.000"]]
    assert "Of one training of each network" in table.caption
    assert sizes.sizes(View(frame())).rows[0][-1] == "1.00"


def test_definitions_are_means_over_pruners_then_over_trainings() -> None:
    other = frame()
    other = other.assign(definition="entropy", default=False)
    study_view = View(pd.concat([frame(), other], ignore_index=True)).of("digits", "resnet18")
    (table,) = definitions.tables(study_view)
    assert table.rows[0][2:] == ["0.0600 ± 0.0100 (0.50 ± 0.00)", "0.1100 ± 0.0173 (0.50 ± 0.00)"]


def test_members_of_all_replicates_are_trainings() -> None:
    rows = results.in_order(pd.concat([frame(), frame(member=1)], ignore_index=True))
    (table,) = members.tables(View(rows, metrics=["ause"]).of("digits", "resnet18"))
    assert isinstance(table, Table)
    # .90, .92 and .94, each twice: their variance is 4 · .0004 / 5.
    assert table.rows[:2] == [
        ["Accuracy", "Unpruned", "MSP", "0.9200 ± 0.0179", "–"],
        ["Accuracy", "L1", "MSP", "–", "0.8000 ± 0.0000"],
    ]
    assert table.numbers["count"].tolist() == [6] * 4
    assert "6 members of 3 replicates" in table.caption


def test_figures_have_bars_of_one_deviation_and_say_so() -> None:
    figure = over_sparsity.draw(View(frame(), metrics=["ause"]).of("digits"))
    assert figure.get_suptitle().endswith("means of 3 trainings")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "± standard deviation" in texts
    assert "95 % interval" not in texts
    bars = [path.vertices[:, 1] for path in figure.axes[0].collections[0].get_paths()]
    assert bars[0] == pytest.approx([90, 94])
    figure = accuracy_over.draw(View(frame(), metrics=["ause"]).of("digits", "resnet18"))
    across, up = figure.axes[0].collections[:2]
    assert across.get_paths()[0].vertices[:, 0] == pytest.approx([0.05, 0.07])
    assert up.get_paths()[0].vertices[:, 1] == pytest.approx([90, 94])
    once = View(frame(trainings=TRAININGS[:1]), metrics=["ause"])
    assert over_sparsity.draw(once.of("digits")).get_suptitle().endswith("one training")
    figure = accuracy_over.draw(once.of("digits", "resnet18"))
    assert figure.get_suptitle().endswith("one training")


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_says_on_how_many_trainings_it_rests(number: int) -> None:
    text = READING.format(trainings=replicates.reading(number))
    assert ("trained 3 times" in text) == (number == 3)
    assert ("trained once" in text) == (number == 1)
    rows = frame(trainings=TRAININGS[:number])
    found = comparison.tables(rows)
    assert found
    page = comparison.report(found, number)
    words = {1: "rest on one training of each network", 3: "rest on 3 trainings of each network"}
    assert words[number] in page
    assert ("How far another training would land" in page) == (number == 1)
