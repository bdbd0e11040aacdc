"""A made-up study, whose numbers are chosen so that claims about it can be checked by hand."""

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
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


def scores(
    folder: Path, other_copies: tuple[str, ...] = (), artifacts: Path | None = None, **axes: Any
) -> Scores:
    """The scores of a combination, as if they lay in a folder, within `artifacts` or just so."""
    combination = Combination(**axes, score=Score((), "msp"))
    within = artifacts or folder.parent
    return Scores(combination, within, folder.relative_to(within).as_posix(), other_copies)


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

# The definitions of uncertainty that a method of a made-up grid has; the first is the default.
DEFINITIONS = {
    "msp": ["msp"],
    "mc_dropout": ["logit_variance", "entropy", "msp"],
    "ensemble": ["logit_variance", "entropy", "msp"],
}


def grid(
    folder: Path,
    *,
    datasets: Sequence[str] = ("digits",),
    architectures: Sequence[str] = ("resnet18",),
    pruners: Sequence[str] = ("random", "l1"),
    sparsities: Sequence[float] = (0.4, 0.8),
    uncertainties: Sequence[str] = ("msp", "ensemble"),
    costs: float = 0.2,
    resamples: int = 50,
    bins: int = 15,
) -> list[Scores]:
    """Scores of a whole grid as they lie in a folder: the accuracy falls by `costs` at sparsity 1.

    Each network has an offset of its own; with `costs` 0 there is none, and nothing differs but by
    what resampling the images makes of it.
    """
    random = np.random.default_rng(0)
    images = random.normal(0, 0.004, resamples)
    found = []
    for dataset, architecture in product(datasets, architectures):
        networks = [("none", 0.0), *product(pruners, sparsities)]
        for (pruner, sparsity), uncertainty in product(networks, uncertainties):
            here = folder / dataset / architecture / uncertainty / f"{pruner}-{sparsity}"
            own = costs * (sparsity + 0.2 * random.random() * (sparsity > 0))
            _write(here, uncertainty, own, sparsity, images, random, bins)
            axes = {"dataset": dataset, "architecture": architecture, "pruner": pruner,
                    "sparsity": sparsity, "uncertainty": uncertainty}  # fmt: skip
            found.append(scores(here, artifacts=folder, **axes))
    return found


def _write(
    folder: Path, method: str, cost: float, sparsity: float,
    images: np.ndarray, random: np.random.Generator, bins: int,
) -> None:  # fmt: skip
    """The two files of a score."""
    values = {
        "accuracy": 0.92 - cost, "nll": 0.3 + cost, "ece_probability": 0.04 + cost / 9,
        "ece_clipped": 0.04 + cost / 7, "ece": 0.05 + cost / 8, "ause": 0.03 + cost / 4,
        "random_level": 0.07 + cost / 4, "aurg": 0.04, "p_chance": 0.001,
        "ause_over_random": 0.4 + cost,
    }  # fmt: skip
    noise = {name: images * (1 + len(name) / 20) + random.normal(0, 0.001, len(images))
             for name in ("accuracy", "ause", "ece_clipped")}  # fmt: skip
    metrics = {
        name: {"value": value}
        | ({} if name in ("nll", "p_chance") else {"low": value - 0.008, "high": value + 0.008})
        for name, value in values.items()
    }
    names = DEFINITIONS[method]
    content = {
        "samples": 1, "images": 1000, "classes": 10, "default": names[0],
        "models": [{"parameters": 1e6 * (1.1 - sparsity), "macs": 9e6 * (1.05 - sparsity)}],
        "definitions": dict.fromkeys(names, metrics),
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "scores.json").write_text(json.dumps(content))
    removed = np.linspace(0, 1, 51)
    confidence = (np.arange(bins) + 0.5) / bins
    counts = 1 + 999 * confidence**4 / (confidence**4).sum()
    right = np.clip(confidence * (1 - cost), 0, 1)
    curves: dict[str, np.ndarray] = {}
    for at, name in enumerate(names):
        curves[f"{name}/predicted"] = (1 - values["accuracy"]) * (1 - removed) ** (2 - 0.5 * at)
        curves[f"{name}/oracle"] = (1 - values["accuracy"]) * np.clip(1 - 8 * removed, 0, 1)
        curves[f"{name}/reliability"] = np.column_stack([confidence, right, counts.round()])
    for name, drawn in noise.items():
        curves[f"{names[0]}/own/{name}"] = np.asarray(values[name])
        curves[f"{names[0]}/resamples/{name}"] = (values[name] + drawn).astype(np.float32)
    np.savez(folder / "curves.npz", **curves)
