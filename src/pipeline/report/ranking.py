"""How tables and figures say whether an uncertainty ranks the images better than chance does."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from pipeline.metrics.chance import state
from pipeline.report.results import PRINTED

BETTER, UNDECIDED, WORSE = "better", "undecided", "worse or equal"
# In the paper's tables, which have no intervals: an AUSE below that of a random order.
UNTESTED = "untested"

MARKS = {WORSE: "†", UNDECIDED: "‡"}


def ranking_state(point: Mapping[Any, Any] | Mapping[Hashable, Any]) -> str:
    """The state of one row of `results.wide`."""
    if pd.isna(point.get("p_chance")):
        return WORSE if point["ause_over_random"] >= 1 else UNTESTED
    return state(point["aurg_low"], point["aurg_high"], point["p_chance"])


def mark(point: Mapping[str, Any]) -> str:
    """What a table's cell ends with."""
    return MARKS.get(ranking_state(point), "")


def about_marks(numbers: pd.DataFrame) -> str:
    """What captions say of the marks, and how often they stand."""
    states = [ranking_state(point) for point in numbers.to_dict("records")]
    count, worse = len(states), states.count(WORSE)
    if UNTESTED in states or (numbers["definition"] == PRINTED).all():
        how = ""
        if (numbers["definition"] == PRINTED).all():
            how = " (here in closed form, for a perfect oracle)"
        return (
            f"† The AUSE reaches that of a random order{how}, in {worse} of {count} cells. Without "
            "intervals it is not known whether the others rank the images better than chance does."
        )
    return (
        f"† The uncertainty ranks the images no better than chance, in {worse} of {count} cells; "
        f"‡ it is undecided whether it does, in {states.count(UNDECIDED)}. The others rank them "
        "better: the interval of AURG is above 0, and a permutation test has p ≤ .025."
    )
