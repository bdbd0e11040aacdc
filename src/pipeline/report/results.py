"""The numbers of a study as one tidy table.

    >>> frame = tidy(combinations)  # one row a combination, definition and metric
    >>> write_csv(frame, folder / "results.csv")

:func:`published` gives the paper's own tables as such a frame, so all that draws a study draws the
paper as well. Every number is a fraction (an accuracy of .78, an AUSE of .0319); what is missing or
undefined is NaN.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.cache import files
from pipeline.errors import PipelineError

# The paper's printed numbers; the digest of the code covers them.
DATA_FILES = ("paper/published/*.csv",)

UNPRUNED = "none"
PRINTED = "printed"

NAMES = {
    "digits": "Digits",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "imagenet": "ImageNet",
    "imagenette": "Imagenette",
    "resnet18": "ResNet18",
    "vgg19": "VGG19",
    UNPRUNED: "Unpruned",
    "random": "Random",
    "l1": "L1",
    "batchnorm": "BN",
    "hrank": "HRank",
    "resrep": "ResRep",
    "msp": "MSP",
    "ensemble": "Deep ensemble",
    "mc_dropout": "MC dropout",
    "logit_variance": "variance of the logits",
    "probability_variance": "variance of the probabilities",
    "max_probability": "1 − largest mean probability",
    "mutual_information": "mutual information",
    "accuracy": "Accuracy",
    "nll": "NLL",
    "brier": "Brier score",
    "ause": "AUSE",
    "ause_average_ties": "AUSE (ties averaged)",
    "random_level": "AUSE of a random order",
    "ause_over_random": "AUSE ÷ random",
    "aurg": "AURG",
    "aurc": "AURC",
    "eaurc": "E-AURC",
    "augrc": "AUGRC",
    "auroc": "AUROC",
    "fpr95": "FPR95",
    "ece": "ECE",
    "ece_10": "ECE (10 bins)",
    "ece_probability": "ECE of p[ŷ]",
    "ece_probability_10": "ECE of p[ŷ] (10 bins)",
    "adaptive_ece": "Adaptive ECE",
    "classwise_ece": "Classwise ECE",
    "macs": "MACs",
}

# What definitions are called that share their name with a method.
DEFINITIONS = {"msp": "1 − p[ŷ]"}

# What tells one scored combination from another, in the order in which tables and figures sort.
KEYS = ["dataset", "architecture", "pruner", "sparsity", "uncertainty", "member"]
SIZES = ["samples", "images", "parameters", "macs"]
COLUMNS = [*KEYS, "definition", "default", "metric", "value", "low", "high", *SIZES]


@dataclass(frozen=True, kw_only=True)
class Combination:
    """One scored combination of a study and where its numbers lie.

    Sparsity 0 is scored once for all pruners, with the pruner `none`. `member` counts the plain
    networks that one uncertainty method was scored for; tables and figures show member 0.
    `other_copies` names the artifacts that it was made from and that hold other bits by now.
    """

    dataset: str
    architecture: str
    pruner: str
    sparsity: float
    uncertainty: str
    member: int = 0
    scores: Path
    curves: Path
    other_copies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Curves:
    """What the figures of one combination draw, by its default definition of uncertainty.

    `predicted` and `oracle` are the errors at 0, 2, ..., 100 % of removed images; `reliability` has
    a row (mean confidence, accuracy, images) for each bin of the confidence.
    """

    predicted: np.ndarray
    oracle: np.ndarray
    reliability: np.ndarray
    metrics: dict[str, float]


# By the names of KEYS, then by metric: arrays [resamples].
Resamples = dict[tuple[Any, ...], dict[str, np.ndarray]]


def display(name: str, column: str = "") -> str:
    """The name that tables and figures print; one that is not known stands for itself."""
    names = NAMES | DEFINITIONS if column == "definition" else NAMES
    return names.get(name, name)


def read_curves(combination: Combination) -> Curves:
    """The curves of one combination, with the metrics that belong to them.

    Raises:
        PipelineError: a file is missing, damaged or foreign.
    """
    scores = files.read_json(combination.scores)
    with _refusing(combination.scores):
        definition = scores["default"]
        numbers = scores["definitions"][definition].items()
        metrics = {metric: _number(number.get("value")) for metric, number in numbers}
    path = combination.curves
    with _refusing(path), path.open("rb") as file, np.load(file, allow_pickle=False) as curves:
        predicted, oracle, reliability = (
            curves[f"{definition}/{name}"].astype(float, casting="safe")
            for name in ("predicted", "oracle", "reliability")
        )
        if not (predicted.shape == oracle.shape == (predicted.size,) and reliability.shape[1] == 3):
            raise ValueError("shapes")
    return Curves(predicted, oracle, reliability, metrics)


def read_resamples(combinations: Iterable[Combination]) -> Resamples:
    """The bootstrap resamples of the metrics, by the default definition; none where there are none.

    Networks of the same data set saw the same images in the same resample.

    Raises:
        PipelineError: a file is missing, damaged or foreign.
    """
    found: Resamples = {}
    for combination in combinations:
        names = tuple(getattr(combination, key) for key in KEYS)
        path = combination.curves
        with _refusing(path), path.open("rb") as file, np.load(file, allow_pickle=False) as curves:
            found[names] = {
                key.rpartition("/")[2]: curves[key].astype(float, casting="safe")
                for key in curves.files
                if "/resamples/" in key
            }
    return found


def tidy(combinations: Iterable[Combination]) -> pd.DataFrame:
    """One row for every combination, definition of uncertainty and metric, with :data:`COLUMNS`.

    Where any combination was made from other copies than those that are there, a last column
    `other_copies` names them.

    Parameters and MACs are means over the models that predicted together. Rows are sorted by
    :data:`KEYS`: sparsities ascend, names stay in the order in which they first came.

    Raises:
        PipelineError: a combination's scores are missing, damaged or foreign.
    """
    rows = []
    combinations = list(combinations)
    for combination in combinations:
        scores = files.read_json(combination.scores)
        with _refusing(combination.scores):
            rows += _rows(combination, scores)
    marked = any(combination.other_copies for combination in combinations)
    return _sorted(pd.DataFrame(rows, columns=[*COLUMNS, "other_copies"] if marked else COLUMNS))


def _rows(combination: Combination, scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    models, default = scores["models"], scores["default"]
    if default not in scores["definitions"]:
        raise KeyError(default)
    common = {key: getattr(combination, key) for key in KEYS} | {
        "samples": int(scores["samples"]),
        "images": int(scores["images"]),
        "parameters": sum(model["parameters"] for model in models) / len(models),
        "macs": sum(model["macs"] for model in models) / len(models),
        "other_copies": " ".join(combination.other_copies),
    }
    return [
        common
        | {"definition": definition, "default": definition == default}
        | {"metric": metric}
        | {bound: _number(number.get(bound)) for bound in ("value", "low", "high")}
        for definition, metrics in scores["definitions"].items()
        for metric, number in metrics.items()
    ]


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn whatever a damaged or foreign file leads to into one line that names it.

    Reading an ``.npz`` alone can end in a dozen kinds of errors, of numpy, zipfile and zlib.
    """
    try:
        yield
    except FileNotFoundError:
        raise PipelineError(f"{path} is missing") from None
    except Exception:
        raise PipelineError(
            f"{path} does not hold scores; delete {path.parent} and run snakemake again"
        ) from None


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame with every digit of its numbers; equal frames give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, lineterminator="\n")


def published(accuracy_beside: str = "ause") -> pd.DataFrame:
    """The paper's Tables 1 to 7 in the form of :func:`tidy`, unscaled.

    Args:
        accuracy_beside: whose tables the accuracies are read from, `ause` or `ece`; the paper's
            differ a little.

    The definition is `printed`. The AUSE of a random order is the closed form -(1-e) ln(1-e) of
    the printed error rate e, which supposes a perfect oracle.
    """
    folder = Path(__file__).parent / "paper" / "published"
    printed = pd.read_csv(folder / "results.csv").rename(columns={"arch": "architecture"})
    printed["uncertainty"] = printed["uncertainty"].replace("mcdropout", "mc_dropout")
    keys = [key for key in KEYS if key != "member"]
    numbers = printed.pivot(index=keys, columns="metric", values="printed_value") / 10
    beside = printed[printed["metric"] == accuracy_beside].set_index(keys)
    accuracy = beside["accuracy_percent"] / 100
    numbers.insert(0, "accuracy", accuracy)
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
    frame = frame.assign(member=0, definition=PRINTED, default=True)
    return _sorted(frame.reindex(columns=COLUMNS))


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a combination, of member 0 by its default definition, its metrics side by side.

    The columns are dataset, architecture, pruner, sparsity, uncertainty, definition, samples,
    images, parameters, macs, and for each metric `metric`, `metric_low` and `metric_high`.
    """
    rows = frame[frame["default"] & (frame["member"] == 0)]
    keys = [key for key in KEYS if key != "member"]
    wide = rows[[*keys, "definition", *SIZES]].drop_duplicates(ignore_index=True)
    at = pd.MultiIndex.from_frame(wide[keys])
    for bound, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
        values = rows.pivot(index=keys, columns="metric", values=bound)
        # Pivoting sorts the names; this puts them back in their order.
        values = values.loc[at, rows["metric"].unique()].add_suffix(suffix)
        wide = pd.concat([wide, values.reset_index(drop=True)], axis=1)
    return wide


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """What tables and figures show: :func:`scored`, the unpruned network under every pruner."""
    wide = scored(frame)
    unpruned, pruned = wide[wide["pruner"] == UNPRUNED], wide[wide["pruner"] != UNPRUNED]
    group = ["dataset", "architecture", "uncertainty"]
    pruners = pruned[[*group, "pruner"]].drop_duplicates()
    # A network that no pruner was tried on keeps its own row.
    repeated = unpruned.drop(columns="pruner").merge(pruners, on=group, how="left")
    repeated["pruner"] = repeated["pruner"].fillna(UNPRUNED)
    return _sorted(pd.concat([pruned, repeated[wide.columns]], ignore_index=True))


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by KEYS, names in the order of their first row, the unpruned network first."""
    codes = [
        frame[key]
        if key in ("sparsity", "member")
        else pd.Categorical(frame[key], list(dict.fromkeys([UNPRUNED, *frame[key]]))).codes
        for key in KEYS
        if key in frame
    ]
    return frame.iloc[np.lexsort(codes[::-1])].reset_index(drop=True)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
