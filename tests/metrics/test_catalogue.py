"""The catalogue: keys, labels, directions, and what an entry may be."""

import numpy as np
import pytest

from pipeline.metrics import Evaluation, bootstrap, catalogue
from pipeline.metrics.catalogue import METRICS
from pipeline.metrics.intervals import Interval
from pipeline.metrics.metric import CONFIDENCE, PROBABILITIES, RANKING, Metric

P = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]])
Y = np.array([0, 1, 1])


def test_keys_are_written_by_what_they_need_and_for_every_number_of_bins() -> None:
    assert catalogue.keys((15, 10)) == [
        "accuracy", "nll", "brier", "ece_probability", "ece_probability_10",
        "ece_probability_debiased", "adaptive_ece", "classwise_ece", "temperature", "nll_scaled",
        "brier_scaled", "ece_scaled", "ece_scaled_debiased", "adaptive_ece_scaled", "lac_coverage",
        "lac_size", "aps_coverage", "aps_size", "ause", "random_level", "aurg", "p_chance",
        "ause_over_random", "ause_average_ties", "aurc", "eaurc", "augrc", "auroc", "fpr95",
        "ece_debiased", "ece_clipped", "ece", "ece_10", "mean_uncertainty",
    ]  # fmt: skip
    assert "ece_7" not in catalogue.keys((7,))


def test_labels_name_the_bins_of_all_but_the_first_number() -> None:
    labels = [catalogue.label(key) for key in ("ece", "ece_probability_10", "ause", "ece_9")]
    assert labels == ["ECE", "ECE of p[ŷ] (10 bins)", "AUSE", "ECE (9 bins)"]
    # Only calibration errors have bins, and what is not known stands for itself.
    assert [catalogue.label(key) for key in ("nll_10", "mine")] == ["nll_10", "mine"]


def test_three_metrics_are_better_when_higher() -> None:
    higher = {metric.key for metric in METRICS if metric.higher_is_better}
    assert higher == {"accuracy", "aurg", "auroc"}
    neither = {metric.key for metric in METRICS if metric.higher_is_better is None}
    assert neither == {
        "temperature", "lac_coverage", "aps_coverage", "random_level", "mean_uncertainty"
    }  # fmt: skip


def test_a_metric_of_the_ranking_is_resampled_by_its_own_function() -> None:
    retained = Metric("worst", "Worst", RANKING, lambda e: e.ranked.retained.fpr95() + 1,
                      interval=Interval())  # fmt: skip
    # Image 1, the only wrong one, is less uncertain than image 2, so one of two is above it.
    evaluation = Evaluation.of(P, Y)
    assert retained.values(evaluation, (15,)) == {"worst": 1.5}
    drawn = bootstrap(evaluation, [retained], resamples=200)
    assert drawn.keys() == {"worst"}
    # With k of 3 draws of image 1 and j of image 2, it is 1 + j / (3 - k), NaN for k = 0 or 3.
    assert set(np.round(drawn["worst"][~np.isnan(drawn["worst"])], 6)) == {1, 1.5, 2}


def test_columns_are_combined_as_an_entry_says() -> None:
    square = Metric("square", "Square", PROBABILITIES, lambda e: e.outcomes.nll.mean() ** 2,
                    interval=Interval(lambda e: e.outcomes.nll[:, None],
                                      combine=lambda sums, n: (sums[:, 0] / n) ** 2))  # fmt: skip
    evaluation = Evaluation.of(P, Y)
    nll = next(metric for metric in METRICS if metric.key == "nll")
    drawn = bootstrap(evaluation, [nll, square], resamples=20)
    np.testing.assert_allclose(drawn["square"], drawn["nll"] ** 2)


@pytest.mark.parametrize(
    ("needs", "interval"),
    [
        (RANKING, Interval(lambda e: e.correct[:, None])),
        (PROBABILITIES, Interval()),
        (CONFIDENCE, Interval()),
    ],
)
def test_an_interval_that_would_not_be_resampled_is_refused(needs: str, interval: Interval) -> None:
    with pytest.raises(ValueError, match="mine: columns belong to"):
        Metric("mine", "Mine", needs, lambda e: 0.0, interval=interval)
