"""A made-up study, whose numbers are chosen so that claims about it can be checked by hand."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.cache.specs import Score
from pipeline.report import results
from pipeline.report.results import Scores
from pipeline.study import REPEATS, Combination

# pruner, sparsity, accuracy, ause
Network = tuple[str, float, float, float]


def names(*shown: Any, **repeats: int) -> tuple[Any, ...]:
    """The value on each axis: those that are shown, and of the others the default or another."""
    return *shown, *(REPEATS | repeats).values()


def scores(folder: Path, other_copies: tuple[str, ...] = (), **axes: Any) -> Scores:
    """The scores of a combination, as if they lay in a folder."""
    combination = Combination(**axes, score=Score((), "msp"))
    return Scores(combination, folder, other_copies)


def study(
    networks: list[Network],
    half_width: float = 0.0,
    dataset: str = "digits",
    uncertainty: str = "msp",
    **repeats: int,
) -> pd.DataFrame:
    """A tidy frame of a ResNet18 whose intervals reach `half_width` to both sides."""
    rows = [
        {
            "dataset": dataset, "architecture": "resnet18", "pruner": pruner, "sparsity": sparsity,
            "uncertainty": uncertainty, "definition": "msp", "default": True,
            "metric": metric, "value": value, "low": value - half_width,
            "high": value + half_width, "samples": 1, "images": 100, "parameters": 1e6,
            "macs": 1e6,
        } | REPEATS | repeats
        for pruner, sparsity, accuracy, ause in networks
        for metric, value in (("accuracy", accuracy), ("ause", ause), ("ece", 0.1))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=results.COLUMNS)


STUDY: list[Network] = [
    ("none", 0.0, 0.90, 0.05),
    ("l1", 0.4, 0.85, 0.06),
    ("l1", 0.8, 0.70, 0.09),
    ("random", 0.4, 0.84, 0.04),
    ("random", 0.8, 0.71, 0.10),
]
