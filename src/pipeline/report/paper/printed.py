"""The paper's own tables, in the form of a study's numbers."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.report.results import COLUMNS, PRINTED, SHOWN, in_order
from pipeline.study import REPEATS

# Files beside this one that it reads.
DATA_FILES = ("published/*.csv",)


def published(accuracy_beside: str = "ause") -> pd.DataFrame:
    """The paper's Tables 1 to 7 in the form of `results.tidy`, unscaled.

    Args:
        accuracy_beside: from whose tables the accuracies are read, `ause` or `ece`; they differ a
            little. The metric `accuracy_beside_ece` is always that of the tables of the ECE.

    The definition is `printed`. The AUSE of a random order is the closed form -(1-e) ln(1-e) of
    the printed error rate e, which supposes a perfect oracle.
    """
    folder = Path(__file__).with_name("published")
    printed = pd.read_csv(folder / "results.csv").rename(columns={"arch": "architecture"})
    printed["uncertainty"] = printed["uncertainty"].replace("mcdropout", "mc_dropout")
    numbers = printed.pivot(index=SHOWN, columns="metric", values="printed_value") / 10
    beside = printed[printed["metric"] == accuracy_beside].set_index(SHOWN)
    accuracy = beside["accuracy_percent"] / 100
    numbers.insert(0, "accuracy", accuracy)
    beside_ece = printed[printed["metric"] == "ece"].set_index(SHOWN)["accuracy_percent"] / 100
    numbers["accuracy_beside_ece"] = beside_ece
    numbers["random_level"] = -accuracy * np.log(accuracy)
    numbers["ause_over_random"] = numbers["ause"] / numbers["random_level"]
    # Back in the order of the tables, from which names take theirs.
    numbers = numbers.loc[beside.index]

    sizes = pd.read_csv(folder / "parameters.csv").rename(columns={"arch": "architecture"})
    sizes = sizes.assign(dataset="cifar100", pruner=sizes["pruners"].str.split()).explode("pruner")
    sizes["parameters"] = sizes["parameters_million"] * 1e6

    frame = numbers.melt(ignore_index=False, var_name="metric").reset_index()
    sized = ["dataset", "architecture", "pruner", "sparsity"]
    frame = frame.merge(sizes[[*sized, "parameters"]], on=sized, how="left")
    frame["samples"] = np.where(frame["uncertainty"] == "msp", 1, 5)
    frame["images"] = frame["dataset"].map({"cifar100": 10_000, "imagenet": 50_000})
    frame = frame.assign(**REPEATS, definition=PRINTED, default=True)
    return in_order(frame.reindex(columns=COLUMNS))
