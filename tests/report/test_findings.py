"""What a study found, in sentences, held against numbers that are known."""

from pathlib import Path

import made_up
import numpy as np
import pandas as pd
import pytest

from pipeline.report import comparisons, findings, results
from pipeline.report.results import KEYS, OWN, Resamples
from pipeline.report.view import View


def resamples(frame: pd.DataFrame, error: float = 0.005) -> Resamples:
    """Of each network and metric, resamples whose deviation from its value is independent."""
    random = np.random.default_rng(0)
    found: Resamples = {}
    for row in frame.to_dict("records"):
        at = found.setdefault(tuple(row[key] for key in KEYS), {})
        at[row["metric"]] = row["value"] + random.normal(0, error, 400)
        at[OWN + row["metric"]] = np.asarray(row["value"])
    return found


def found_in(frame: pd.DataFrame, error: float | None = 0.005) -> findings.Findings:
    drawn = {} if error is None else resamples(frame, error)
    return findings.find(View(frame, metrics=["ause"], resamples=drawn))


def texts(found: findings.Findings) -> list[str]:
    return [each.text for each in found.answers]


def test_a_study_is_summed_up() -> None:
    found = found_in(made_up.study(made_up.STUDY, 0.01))
    assert found.summary == (
        "ResNet18 on Digits, pruned by L1 and Random to sparsities 0.4 and 0.8; uncertainty by "
        "MSP. That makes 5 combinations, judged on 100 test images, from 1 training of each "
        "network."
    )


def test_differences_are_those_of_the_numbers() -> None:
    found = found_in(made_up.study(made_up.STUDY, 0.01))
    family = {each.name: each for each in found.families}
    pruning = family[comparisons.PRUNING].of("accuracy")
    assert [each.first for each in pruning] == [0.4, 0.8]
    # Means of .85 and .84, and of .70 and .71, less .90.
    assert [each.effect.value for each in pruning] == pytest.approx([-0.055, -0.195])
    (pair,) = family[comparisons.PRUNERS].of("ause")
    assert (pair.first, pair.second, pair.cells) == ("l1", "random", 2)
    assert pair.effect.value == pytest.approx((0.06 + 0.09) / 2 - (0.04 + 0.10) / 2)
    # Both families hold the accuracy and the AUSE.
    assert [each.tested for each in found.families] == [4, 2]


def test_several_trainings_are_judged_together() -> None:
    one = made_up.study(made_up.STUDY, 0.01)
    pruned = one["sparsity"] > 0
    frames = [
        one.assign(replicate=replicate, value=one["value"] + lost * pruned)
        for replicate, lost in enumerate((-0.02, 0.0, 0.01))
    ]
    found = found_in(pd.concat(frames, ignore_index=True))
    (family,) = [each for each in found.families if each.name == comparisons.PRUNING]
    effects = [each.effect for each in family.of("accuracy")]
    assert [each.trainings for each in effects] == [3, 3]
    # What one training shows, and the mean of what they lose beside it.
    lost = (-0.02 + 0.0 + 0.01) / 3
    assert [each.value for each in effects] == pytest.approx([-0.055 + lost, -0.195 + lost])
    # Trainings that lie .015 apart are known within 4.3 · .015 / √3.
    assert effects[0].high - effects[0].low > 2 * 0.037
    assert "3 trainings each" in findings.markdown(found, {})


def test_the_sentences_say_so() -> None:
    first, ause, *_ = texts(found_in(made_up.study(made_up.STUDY, 0.01)))
    assert (
        first == "After pruning to sparsity 0.8, the accuracy is 19.5 points lower, which is worse."
    )
    assert ause == (
        "After pruning to sparsity 0.8, the ranking error (AUSE) is 0.0450 higher, which is worse."
    )


def test_evidence_names_interval_p_and_trainings() -> None:
    answer = found_in(made_up.study(made_up.STUDY, 0.01)).answers[0]
    (evidence,) = answer.evidence
    assert evidence.startswith("ResNet18, Digits with MSP: Accuracy, sparsity 0.8 less unpruned: ")
    assert "−19.5 points (95 % interval −20." in evidence
    assert evidence.endswith("; p < .001 by Holm; 1 training each)")
    assert answer.link == "digits-over-sparsity"


def test_with_wide_resamples_nothing_is_claimed() -> None:
    found = found_in(made_up.study(made_up.STUDY, 0.01), error=1.0)
    assert all(not each.better for family in found.families for each in family.comparisons)
    first, _, pruners, *_ = texts(found)
    assert first.endswith("19.5 points lower, which may be chance.")
    assert pruners == (
        "No difference between pruners is shown in the accuracy: of 1 pair, 1 undecided."
    )


def test_without_resamples_differences_are_told_and_not_judged() -> None:
    found = found_in(made_up.study(made_up.STUDY), error=None)
    assert texts(found)[0].endswith("19.5 points lower; whether by chance was not tested.")
    assert any(limit.startswith("Whether 6 of 6 comparisons are more") for limit in found.limits)


def test_one_combination_has_nothing_to_compare() -> None:
    found = found_in(made_up.study([("none", 0.0, 0.9, 0.05)], 0.01))
    assert found.families == ()
    assert found.answers == ()
    assert "not pruned" in found.summary
    assert "1 combination," in found.summary
    assert findings.markdown(found, {})


def test_equal_networks_are_found_equal() -> None:
    networks = [("none", 0.0, 0.9, 0.05), ("l1", 0.5, 0.9, 0.05), ("random", 0.5, 0.9, 0.05)]
    found = found_in(made_up.study(networks, 0.01))
    assert not any("worse" in text or "better" in text for text in texts(found))


def test_of_two_methods_the_better_one_is_named() -> None:
    frame = pd.concat(
        [
            made_up.study([("none", 0.0, 0.9, 0.05)], 0.01, uncertainty="msp"),
            made_up.study([("none", 0.0, 0.9, 0.30)], 0.01, uncertainty="ensemble"),
        ]
    )
    assert texts(found_in(frame))[-1] == (
        "By ranking error (AUSE), MSP is the best uncertainty method. Its smallest lead: MSP "
        "before Deep ensemble by 0.2500 on ResNet18, Digits."
    )


def test_of_many_networks_a_few_are_named_and_all_counted() -> None:
    frames = [made_up.study(made_up.STUDY, 0.01, dataset=f"set{i}") for i in range(20)]
    found = found_in(pd.concat(frames))
    assert "ResNet18 on set3 and 16 more, pruned" in found.summary
    first = texts(found)[0]
    assert "the accuracy is lower (worse) in 20 of 20 cases, by 19.5 points" in first
    assert len(found.answers) == 4
    assert all(len(each.evidence) <= 3 for each in found.answers)


def test_networks_with_too_few_errors_to_rank_are_not_tested() -> None:
    frame = made_up.study(made_up.STUDY, 0.01)
    frame.loc[frame["metric"] == "ause", ["low", "high"]] = np.nan
    found = found_in(frame)
    assert all(np.isnan(each.effect.p) for family in found.families for each in family.of("ause"))
    assert any(limit.startswith("Much about how errors") for limit in found.limits)


def test_scores_of_a_grid_make_findings(tmp_path: Path) -> None:
    scores = made_up.grid(tmp_path, resamples=50)
    view = View(results.tidy(scores), scores, ["ause", "ece"], results.read_resamples(scores))
    found = findings.find(view)
    assert {each.compared for family in found.families for each in family.of("ece")} == {
        "ece_clipped"
    }
    assert found.topics[0].title == "What does pruning cost?"
    said = findings.markdown(found, {"digits-over-sparsity": "figures/it.png"})
    assert "[Shown here](figures/it.png)" in said
    table = comparisons.table(found.families)
    assert len(table.rows) == sum(len(each.comparisons) for each in found.families)
