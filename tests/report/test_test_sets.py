"""Other test sets on the page: in tables and figures of their own, and in no other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from study.small import STUDY

from pipeline.report.page import write as plot
from pipeline.report.results import Scores
from pipeline.study import Combination, Study

SHIFT = STUDY | {
    "pruners": ["l1", "random"],
    "uncertainties": ["msp", "ensemble"],
    "datasets": [{"name": "digits", "validation": 0.1}],
    "test_sets": [
        {"name": "corruption", "kind": "contrast", "severity": [1, 5]},
        {"name": "cifar_c", "path": "/nowhere", "kind": "fog", "severity": 3},
        {"name": "svhn", "role": "ood"},
    ],
}
SEVERITY = {"contrast-1": 1, "contrast-5": 5, "fog-3": 3}


def accuracy(each: Combination) -> float:
    severity = SEVERITY.get(each.test_set, 0.5 if each.test_set == "validation" else 0)
    return round(0.95 - 0.2 * each.sparsity - 0.1 * severity, 4)


def auroc(each: Combination) -> float:
    return round(0.8 - 0.3 * each.sparsity, 4)


def definitions(each: Combination) -> dict[str, Any]:
    names = ["msp"] if each.uncertainty == "msp" else ["logit_variance", "entropy"]

    def around(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.01, "high": value + 0.01}

    if each.test_set == "svhn":
        numbers = {"ood_auroc": around(auroc(each)), "ood_fpr95": around(1 - auroc(each))}
    else:
        value = accuracy(each)
        numbers = {key: around((1 - value) / 2) for key in ("ause", "ece", "ece_scaled")}
        numbers |= {"accuracy": around(value), "ause_over_random": {"value": 0.5}}
        numbers |= {"random_level": {"value": 0.3}}
    return dict.fromkeys(names, numbers)


@pytest.fixture
def scores(tmp_path: Path) -> list[Scores]:
    found = []
    for number, each in enumerate(Study.load(SHIFT).combinations()):
        folder = tmp_path / "scores" / str(number)
        folder.mkdir(parents=True)
        numbers = definitions(each)
        content = {
            "samples": 1, "images": 100, "models": [{"parameters": 10, "macs": 20}],
            "default": next(iter(numbers)), "definitions": numbers,
        }  # fmt: skip
        (folder / "scores.json").write_text(json.dumps(content))
        curve, bins = np.linspace(0.3, 0, 51), np.tile([[0.5, 0.5, 10.0]], (15, 1))
        curves = {f"{name}/{which}": curve for name in numbers for which in ("predicted", "oracle")}
        curves |= {f"{name}/reliability": bins for name in numbers}
        np.savez(folder / "curves.npz", **({} if each.test_set == "svhn" else curves))
        found.append(Scores(each, folder.parent, folder.name))
    return found


def test_other_test_sets_have_tables_and_figures_of_their_own(
    scores: list[Scores], tmp_path: Path
) -> None:
    own = [each for each in scores if each.combination.test_set == "test"]
    plot(own, tmp_path / "own", formats=["png"], dpi=30)
    plot(scores, tmp_path / "all", formats=["png"], dpi=30)
    before, after = (
        {file.name: file.read_bytes() for kind in ("tables", "figures")
         for file in (tmp_path / where / kind).iterdir()}
        for where in ("own", "all")
    )  # fmt: skip
    # What shows the data set's own test images shows nothing else.
    assert {name: after[name] for name in before} == before
    network = "digits-resnet18"
    names = (name for name in after.keys() - before.keys() if name.endswith((".csv", ".png")))
    added = {name.removeprefix(f"{network}-").removesuffix(".csv") for name in names}
    assert added == {
        "over-severity-accuracy", "over-severity-ause", "over-severity-ece",
        "over-severity-ece-scaled", "other-test-sets", "out-of-distribution",
        "over-severity-contrast.png", "over-severity-fog-CIFAR-C.png",
        "out-of-distribution-svhn.png",
    }  # fmt: skip

    tables = tmp_path / "all" / "tables"
    table = pd.read_csv(tables / f"{network}-over-severity-accuracy.csv")
    for row in table.to_dict("records"):
        expected = 0.95 - 0.2 * row["sparsity"] - 0.1 * row["severity"]
        assert row["accuracy"] == pytest.approx(expected)
    # Own images and those of each severity: of 1 unpruned and 4 pruned networks, by 2 methods.
    assert table.groupby(["kind", "severity"]).size().to_dict() == {
        ("contrast", 0): 10, ("contrast", 1): 10, ("contrast", 5): 10,
        ("fog CIFAR-C", 0): 10, ("fog CIFAR-C", 3): 10,
    }  # fmt: skip
    lines = (tables / f"{network}-over-severity-accuracy.md").read_text().splitlines()
    assert lines[2] == ("| Corruption | Pruner | Uncertainty | Sparsity | 0 | 1 | 3 | 5 |")
    assert "| contrast | Unpruned | MSP | 0 | 95.00 | 85.00 | – | 45.00 |" in lines

    found = pd.read_csv(tables / f"{network}-out-of-distribution.csv")
    assert set(found["definition"]) == {"msp", "logit_variance", "entropy"}
    assert found["ood_auroc"].tolist() == pytest.approx((0.8 - 0.3 * found["sparsity"]).tolist())
    found = pd.read_csv(tables / f"{network}-other-test-sets.csv")
    assert found.groupby("test_set")["accuracy"].max().to_dict() == {
        "test": 0.95, "validation": 0.9,
    }  # fmt: skip

    numbers = pd.read_csv(tmp_path / "all" / "results.csv")
    assert set(numbers["test_set"]) == {"test", "validation", "contrast-1", "contrast-5", "fog-3",
                                        "svhn"}  # fmt: skip
