"""The numbers of a study as one tidy table.

    >>> frame = tidy(scores)  # one row for each combination, definition and metric
    >>> write_csv(frame, folder / "results.csv")

`paper.printed` gives the paper's own tables as such a frame, so all that draws a study draws the
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
from pipeline.report.names import UNPRUNED
from pipeline.report.replicates import OWN as OWN
from pipeline.report.replicates import Resamples as Resamples
from pipeline.report.replicates import averaged
from pipeline.study import AXES, REPEATS, Combination

# What tells one scored combination from another, in the order in which tables and figures sort;
# and the same for those that they show: of a repeated measurement they show one, or the mean.
KEYS = list(AXES)
SHOWN = [key for key in KEYS if key not in REPEATS]
# The definition of uncertainty of the paper's numbers: the paper does not say which it is.
PRINTED = "printed"
# The definition whose confidence is p[ŷ], the probability of the predicted class.
PROBABILITY = "msp"
SIZES = ["samples", "images", "parameters", "macs"]
COLUMNS = [*KEYS, "definition", "default", "metric", "value", "low", "high", *SIZES]


@dataclass(frozen=True)
class Scores:
    """One scored combination of a study and where its numbers lie.

    Sparsity 0 is scored once for all pruners, with the pruner `none`. `place` is its folder under
    `artifacts`: all that a page says of where it lies, as the rest is a matter of one machine.
    `other_copies` names the artifacts that it was made from and that hold other bits by now.
    """

    combination: Combination
    artifacts: Path
    place: str
    other_copies: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.artifacts / self.place

    @property
    def path(self) -> Path:
        """Every metric of every definition."""
        return self.folder / "scores.json"

    @property
    def curves(self) -> Path:
        """The curves, and the resamples."""
        return self.folder / "curves.npz"


@dataclass(frozen=True)
class Curves:
    """What the figures of one combination draw, by its default definition of uncertainty.

    `predicted` and `oracle` are the errors at 0, 2, ..., 100 % of removed images; `reliability` has
    a row (mean confidence, accuracy, images) for each bin of the confidence, `of_probability` the
    same of p[ŷ]: no rows where that was not scored.
    """

    predicted: np.ndarray
    oracle: np.ndarray
    reliability: np.ndarray
    of_probability: np.ndarray
    metrics: dict[str, float]
    definition: str


def read_curves(scored: Scores) -> Curves:
    """The curves of one combination, with the metrics that belong to them.

    Raises:
        PipelineError: a file is missing, damaged or foreign.
    """
    content = files.read_json(scored.path)
    with _refusing(scored.path):
        definition = content["default"]
        numbers = content["definitions"][definition].items()
        metrics = {metric: _number(number.get("value")) for metric, number in numbers}
    path = scored.curves
    with _refusing(path), path.open("rb") as file, np.load(file, allow_pickle=False) as curves:
        predicted, oracle, reliability = (
            curves[f"{definition}/{name}"].astype(float, casting="safe")
            for name in ("predicted", "oracle", "reliability")
        )
        if not (predicted.shape == oracle.shape == (predicted.size,) and reliability.shape[1] == 3):
            raise ValueError("shapes")
        name = f"{PROBABILITY}/reliability"
        of_probability = np.empty((0, 3))
        if name in curves.files:
            of_probability = curves[name].astype(float, casting="safe").reshape(-1, 3)
    return Curves(predicted, oracle, reliability, of_probability, metrics, definition)


def read_resamples(scores: Iterable[Scores]) -> Resamples:
    """The bootstrap resamples of the metrics, by the default definition; none where there are none.

    Networks of the same data set saw the same images in the same resample.

    Raises:
        PipelineError: a file is missing, damaged or foreign.
    """
    found: Resamples = {}
    for each in scores:
        names = tuple(each.combination.axes.values())
        path = each.curves
        with _refusing(path), path.open("rb") as file, np.load(file, allow_pickle=False) as curves:
            found[names] = {
                _key(name): curves[name].astype(float, casting="safe")
                for name in curves.files
                if "/resamples/" in name or "/own/" in name
            }
    return found


def _key(name: str) -> str:
    _, kind, metric = name.split("/")
    return OWN + metric if kind == "own" else metric


def tidy(scores: Iterable[Scores]) -> pd.DataFrame:
    """One row for every combination, definition of uncertainty and metric, with :data:`COLUMNS`.

    Where any combination was made from other copies than those that are there, a last column
    `other_copies` names them.

    Parameters and MACs are means over the models that predicted together. Rows are sorted by
    :data:`KEYS`: sparsities ascend, names stay in the order in which they first came.

    Raises:
        PipelineError: a combination's scores are missing, damaged or foreign.
    """
    rows = []
    scores = list(scores)
    for each in scores:
        content = files.read_json(each.path)
        with _refusing(each.path):
            rows += _rows(each, content)
    marked = any(each.other_copies for each in scores)
    return in_order(pd.DataFrame(rows, columns=[*COLUMNS, "other_copies"] if marked else COLUMNS))


def _rows(scored: Scores, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    models, default = content["models"], content["default"]
    if default not in content["definitions"]:
        raise KeyError(default)
    common = scored.combination.axes | {
        "samples": int(content["samples"]),
        "images": int(content["images"]),
        "parameters": sum(model["parameters"] for model in models) / len(models),
        "macs": sum(model["macs"] for model in models) / len(models),
        "other_copies": " ".join(scored.other_copies),
    }
    return [
        common
        | {"definition": definition, "default": definition == default}
        | {"metric": metric}
        | {bound: _number(number.get(bound)) for bound in ("value", "low", "high")}
        for definition, metrics in content["definitions"].items()
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


def by_test_set(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the data sets' own test images, and those of other test sets."""
    own = frame["test_set"] == REPEATS["test_set"]
    return frame[own], frame[~own]


def unrepeated(frame: pd.DataFrame, resamples: Resamples | None = None) -> pd.DataFrame:
    """The rows that tables and figures show: the first member's, and means over replicates.

    It has the columns that `replicates.averaged` adds. Without resamples, means have no bounds.
    """
    frame = averaged(frame, resamples)
    for key, first in REPEATS.items():
        frame = frame[frame[key] == first]
    return frame


def wide(frame: pd.DataFrame, resamples: Resamples | None = None) -> pd.DataFrame:
    """One row for each combination that is shown, by its default definition, with its metrics.

    The columns are :data:`SHOWN`, definition, samples, images, parameters, macs, replicates, and
    for each metric `metric`, `metric_low`, `metric_high` and `metric_std`; see :func:`unrepeated`.
    """
    rows = unrepeated(frame[frame["default"]], resamples)
    found = rows[[*SHOWN, "definition", *SIZES, "replicates"]].drop_duplicates(ignore_index=True)
    at = pd.MultiIndex.from_frame(found[SHOWN])
    for bound, suffix in (("value", ""), ("low", "_low"), ("high", "_high"), ("std", "_std")):
        values = rows.pivot(index=SHOWN, columns="metric", values=bound)
        # Pivoting sorts the names; this puts them back in their order.
        values = values.loc[at, rows["metric"].unique()].add_suffix(suffix)
        found = pd.concat([found, values.reset_index(drop=True)], axis=1)
    return found


def shown(frame: pd.DataFrame, resamples: Resamples | None = None) -> pd.DataFrame:
    """What tables and figures show: :func:`wide`, the unpruned network under every pruner."""
    once = wide(frame, resamples)
    unpruned, pruned = once[once["pruner"] == UNPRUNED], once[once["pruner"] != UNPRUNED]
    group = [key for key in SHOWN if key not in ("pruner", "sparsity")]
    pruners = pruned[[*group, "pruner"]].drop_duplicates()
    # A network that no pruner was tried on keeps its own row.
    repeated = unpruned.drop(columns="pruner").merge(pruners, on=group, how="left")
    repeated["pruner"] = repeated["pruner"].fillna(UNPRUNED)
    return in_order(pd.concat([pruned, repeated[once.columns]], ignore_index=True))


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by KEYS: numbers ascend, names in the order of their first row, unpruned ones first."""
    codes = [
        frame[key]
        if pd.api.types.is_numeric_dtype(frame[key])
        else pd.Categorical(frame[key], list(dict.fromkeys([UNPRUNED, *frame[key]]))).codes
        for key in KEYS
        if key in frame
    ]
    return frame.iloc[np.lexsort(codes[::-1])].reset_index(drop=True)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
