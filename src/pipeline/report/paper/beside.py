"""A study's numbers beside those that the paper prints of the same networks."""

import numpy as np
import pandas as pd

from pipeline.metrics import closed_form_random_level
from pipeline.report.names import UNPRUNED
from pipeline.report.paper.printed import published
from pipeline.report.results import SHOWN, unrepeated

METRICS = ("accuracy", "ause", "ece")
NETWORK = ["dataset", "architecture"]

# How the paper may have meant the variance over networks or passes (Eq. 6).
VARIANCES = ("logit_variance", "probability_variance")


def beside_published(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each combination and metric that the paper prints as well.

    The columns are dataset, architecture, pruner, sparsity, uncertainty, metric, value, low, high,
    parameters, published, published_parameters and difference (own minus printed).
    """
    keys = [*SHOWN, "metric"]
    own = unrepeated(frame[frame["default"] & frame["metric"].isin(METRICS)])
    printed = as_a_study(published()).rename(
        columns={"value": "published", "parameters": "published_parameters"}
    )
    both = own[[*keys, "value", "low", "high", "parameters"]].merge(
        printed[[*keys, "published", "published_parameters"]], on=keys
    )
    return both.assign(difference=both["value"] - both["published"])


def as_a_study(printed: pd.DataFrame) -> pd.DataFrame:
    """The paper's tables with each unpruned network once, as a study's frame has it."""
    pruner = printed["pruner"].where(printed["sparsity"] > 0, UNPRUNED)
    return printed.assign(pruner=pruner).drop_duplicates([*SHOWN, "metric"], ignore_index=True)


def beside_published_definitions(frame: pd.DataFrame) -> pd.DataFrame:
    """Both variances' values for an unpruned network that the paper has, one row for each.

    The columns are dataset, architecture, uncertainty, definition, accuracy, ause, ece, and
    ``ause_over_random`` by the closed form −(1 − e)·ln(1 − e) of a random order's AUSE at the error
    rate e, since printed rows allow no other; then the paper's, as ``published_...``. What was not
    scored by both is left out.
    """
    keys = [*NETWORK, "uncertainty"]
    unpruned = unrepeated(frame[frame["sparsity"] == 0])
    own = by_network(unpruned[unpruned["definition"].isin(VARIANCES)], [*keys, "definition"])
    own = own[own.groupby(keys)["definition"].transform("size") == len(VARIANCES)]
    printed = as_a_study(published())
    printed = by_network(printed[printed["sparsity"] == 0], keys)
    both = own.merge(printed, on=keys, suffixes=("", "_published"))
    both.columns = both.columns.str.replace(r"(.*)_published$", r"published_\1", regex=True)
    return both


def by_network(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Accuracy, AUSE, ECE and how the AUSE stands to a random order's, by network."""
    rows = frame[frame["metric"].isin(METRICS)]
    wide = rows.pivot(index=keys, columns="metric", values="value").reindex(columns=list(METRICS))
    # Pivoting sorts the names; this puts them back in their order.
    wide = wide.loc[rows.set_index(keys).index.unique()].reset_index()
    level = wide["accuracy"].map(lambda accuracy: closed_form_random_level(1 - accuracy))
    return wide.assign(ause_over_random=wide["ause"] / level.replace(0, np.nan))
