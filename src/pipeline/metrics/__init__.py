"""From uncertainty to numbers: accuracy, calibration, and how well uncertainty finds the errors.

Probabilities P are [N, C], labels y are [N], and an uncertainty u is [N], by default 1 − max P:

    >>> P, y = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]]), np.array([0, 1, 1])
    >>> accuracy(P, y), ause(P, y, steps=3), ece(P.max(axis=1), P.argmax(axis=1) == y, bins=10)
    (0.6666666666666666, 0.16666666666666666, 0.4333333333333334)

`catalogue` lists every metric: a new one is a function and an entry there. `scoring` computes all
of them for an uncertainty method. What a metric needs of each image is in `Outcomes`. The metrics
of a ranking (AUSE, AURC, AUROC and their kin) sort the images once, into a `Ranking`, and count
what is `Retained` when all above a level of uncertainty is removed. Images may carry count weights
there, so that a bootstrap resample costs no sort of its own.
"""

from pipeline.metrics.asked import interval
from pipeline.metrics.bootstrap import bootstrap, bootstrap_each
from pipeline.metrics.calibration import adaptive_ece, classwise_ece, ece, reliability_bins
from pipeline.metrics.chance import permutation_test
from pipeline.metrics.conformal import conformal_sets
from pipeline.metrics.debiased import ece_debiased, shifted_interval
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.halves import halves
from pipeline.metrics.intervals import percentile_interval
from pipeline.metrics.outcomes import Outcomes, accuracy, brier, nll
from pipeline.metrics.ranked import (
    augrc,
    aurc,
    aurg,
    auroc,
    ause,
    ause_over_random,
    eaurc,
    fpr95,
    random_level,
    sparsification_curves,
)
from pipeline.metrics.ranking import (
    Floats,
    Ranking,
    Retained,
    Uncertainty,
    closed_form_random_level,
    sparsification_areas,
)
from pipeline.metrics.recalibration import cross_fitted, fit_temperature

__all__ = [
    "Evaluation",
    "Floats",
    "Outcomes",
    "Ranking",
    "Retained",
    "Uncertainty",
    "accuracy",
    "adaptive_ece",
    "augrc",
    "aurc",
    "aurg",
    "auroc",
    "ause",
    "ause_over_random",
    "bootstrap",
    "bootstrap_each",
    "brier",
    "classwise_ece",
    "closed_form_random_level",
    "conformal_sets",
    "cross_fitted",
    "eaurc",
    "ece",
    "ece_debiased",
    "fit_temperature",
    "fpr95",
    "halves",
    "interval",
    "nll",
    "percentile_interval",
    "permutation_test",
    "random_level",
    "reliability_bins",
    "shifted_interval",
    "sparsification_areas",
    "sparsification_curves",
]
