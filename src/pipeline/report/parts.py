"""The parts of a predictive uncertainty: what is in the images, and what is in the networks."""

import pandas as pd

from pipeline.report import results
from pipeline.report.replicates import averaged
from pipeline.report.view import View

# By definition: the entropy of the mean prediction is the sum of the two that follow.
PARTS = {
    "entropy": "total",
    "expected_entropy": "aleatoric",
    "mutual_information": "epistemic",
    "disagreement": "disagreement",
}
# Whatever has these was predicted by several networks or passes.
NEEDED = ["expected_entropy", "mutual_information", "disagreement"]


def parts(view: View) -> pd.DataFrame:
    """Means over the images of the `PARTS`, one column each, in the form of `results.shown`.

    Methods that predict once have none; where no method has any, the frame is empty.
    """
    points = view.mine("parts", _of_study)
    return points.dropna(subset=NEEDED, how="all") if len(points) else points


def _of_study(study: View) -> pd.DataFrame:
    rows = study.frame[study.frame["metric"] == "mean_uncertainty"]
    rows = rows[rows["definition"].isin(PARTS)]
    if not set(NEEDED) <= set(rows["definition"]):
        return pd.DataFrame()
    rows = rows.assign(metric=rows["definition"], definition="parts", default=True)
    return results.shown(averaged(rows, study.resamples))
