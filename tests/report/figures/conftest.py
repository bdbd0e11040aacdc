"""Scored combinations with curves that are easy to know again."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up import scores

from pipeline.report.view import View

PREDICTED = np.array([0.4, 0.3, 0.2, 0.1, 0.0])
ORACLE = np.array([0.4, 0.2, 0.0, 0.0, 0.0])
RELIABILITY = np.array([[0.0, 0.0, 0], [0.3, 0.5, 20], [0.9, 0.8, 80]])


@pytest.fixture
def scored(tmp_path: Path) -> View:
    """The unpruned and one pruned network, by two methods; one of the four is missing."""
    found = []
    for pruner, sparsity, uncertainty in [
        ("none", 0.0, "msp"),
        ("none", 0.0, "my_method"),
        ("l1", 0.8, "msp"),
    ]:
        folder = tmp_path / f"{pruner}-{uncertainty}"
        folder.mkdir()
        metrics = {"ause": 0.075, "ause_over_random": 0.3, "ece": 0.12}
        content = {
            "default": "first",
            "definitions": {"first": {name: {"value": value} for name, value in metrics.items()}},
        }
        (folder / "scores.json").write_text(json.dumps(content))
        np.savez(
            folder / "curves.npz",
            **{
                "first/predicted": PREDICTED,
                "first/oracle": ORACLE,
                "first/reliability": RELIABILITY,
            },
        )
        found.append(
            scores(
                folder,
                dataset="digits",
                architecture="vgg19",
                pruner=pruner,
                sparsity=sparsity,
                uncertainty=uncertainty,
            )
        )
    return View(pd.DataFrame(), found).of("digits", "vgg19")
