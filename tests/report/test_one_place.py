"""A metric is one entry, a figure and a table are one file each: nothing else is touched.

Each is added to a copy of the package, and a study is scored and drawn by that copy.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from examples import under

from pipeline.registry import PACKAGE

(METRIC,) = under("A metric")
(FIGURE,) = under("A figure")
(TABLE,) = under("A table")
DRAW = """
import json, sys
from pathlib import Path
import numpy as np
from pipeline.cache import closure, code_identity, files
from pipeline.cache.specs import Score
from pipeline.metrics.scoring import score
from pipeline.report.page import write
from pipeline.report.results import Scores
from pipeline.study import Combination, Study

study = Study.load(json.loads(sys.argv[1]))
found = []
for pruner, sparsity in (("none", 0.0), ("l1", 0.5)):
    folder = Path("scores") / pruner
    folder.mkdir(parents=True)
    logits, labels = np.load("logits.npy") * (1 - sparsity / 2), np.load("labels.npy")
    content, curves = score(logits, labels, method="msp", options={}, bootstrap=20)
    content = {"models": [{"parameters": 10, "macs": 20}], **content}
    files.write_json(folder / "scores.json", content)
    np.savez(folder / "curves.npz", **curves)
    combination = Combination(dataset="digits", architecture="resnet18", pruner=pruner,
                              sparsity=sparsity, uncertainty="msp", score=Score((), "msp"))
    found.append(Scores(combination, folder.parent, folder.name))
write(found, Path("drawn"), **study.figures)
reached = closure.reached(code_identity.find("stages.plot").file)
print(json.dumps([str(file) for file in reached]))
"""


class Drawn(NamedTuple):
    """Where a study was drawn by a copy, which of its files changed, and which ones drew it."""

    folder: Path
    touched: set[str]
    reached: set[str]


def study(*metrics: str) -> dict[str, Any]:
    return {
        "study": "tiny", "datasets": ["digits"], "architectures": ["resnet18"],
        "pruners": ["l1"], "sparsities": [0.5], "uncertainties": ["msp"],
        "figures": {"metrics": list(metrics), "formats": ["svg"]},
    }  # fmt: skip


def digests(package: Path) -> dict[str, str]:
    return {
        str(file.relative_to(package)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    folder = tmp_path_factory.mktemp("copy")
    package = folder / "src" / "pipeline"
    before = digests(PACKAGE)
    for name in before:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes((PACKAGE / name).read_bytes())

    catalogue = package / "metrics" / "catalogue.py"
    text = catalogue.read_text()
    assert text.count("METRICS = (\n") == 1
    catalogue.write_text(text.replace("METRICS = (\n", f"METRICS = (\n{METRIC.rstrip()},\n"))
    (package / "report" / "figures" / "mine.py").write_text(FIGURE)
    (package / "report" / "tables" / "mine.py").write_text(TABLE)
    touched = {name for name, digest in digests(package).items() if digest != before.get(name)}

    dice = np.random.default_rng(0)
    labels = dice.integers(4, size=80)
    logits = dice.normal(size=(1, 80, 4))
    logits[0, np.arange(80), labels] += 1
    np.save(folder / "logits.npy", logits)
    np.save(folder / "labels.npy", labels)
    command = [sys.executable, "-c", DRAW, json.dumps(study("error_at_half", "nll"))]
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    reached = {str(Path(file).relative_to(package)) for file in json.loads(done.stdout)}
    return Drawn(folder, touched, reached)


def test_one_entry_and_two_files_are_all(drawn: Drawn) -> None:
    assert drawn.touched == {
        "metrics/catalogue.py",
        "report/figures/mine.py",
        "report/tables/mine.py",
    }


def test_a_new_metric_is_scored_with_its_interval(drawn: Drawn) -> None:
    logits, labels = np.load(drawn.folder / "logits.npy")[0], np.load(drawn.folder / "labels.npy")
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    most_certain = np.argsort(-(odds / odds.sum(axis=1, keepdims=True)).max(axis=1))
    # After half of the steps 80 - ceil(79 / 2) = 40 images are kept (Algorithm 1).
    error = np.mean(logits.argmax(axis=1)[most_certain[:40]] != labels[most_certain[:40]])
    scores = json.loads((drawn.folder / "scores/none/scores.json").read_text())
    entry = scores["definitions"]["msp"]["error_at_half"]
    assert entry["value"] == pytest.approx(error)
    assert entry["low"] < error < entry["high"]
    with np.load(drawn.folder / "scores/none/curves.npz") as curves:
        assert curves["msp/resamples/error_at_half"].shape == (20,)


def test_a_new_metric_shows_in_numbers_tables_and_figures(drawn: Drawn) -> None:
    folder = drawn.folder / "drawn"
    numbers = pd.read_csv(folder / "results.csv")
    # Two networks, each by the four definitions of MSP.
    assert (numbers["metric"] == "error_at_half").sum() == 8
    for name in ("error-at-half", "intervals", "metrics"):
        table = (folder / f"tables/digits-resnet18-{name}.md").read_text(encoding="utf-8")
        assert "Error of the certain half" in table
    for name in ("digits-over-sparsity", "digits-resnet18-accuracy-over-metrics"):
        figure = (folder / f"figures/{name}.svg").read_text(encoding="utf-8")
        assert "Error of the certain half, lower is better" in figure
        assert "AUSE, lower is better" not in figure


def test_a_new_figure_and_a_new_table_are_on_the_page(drawn: Drawn) -> None:
    folder = drawn.folder / "drawn"
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert "![digits-mine](figures/digits-mine.svg)" in page
    assert "accuracies of Digits" in (folder / "figures/digits-mine.svg").read_text("utf-8")
    assert "### digits-resnet18-mine\n\nDigits, ResNet18: NLL in nats." in page
    assert (folder / "tables/digits-resnet18-mine.csv").is_file()


def test_the_digest_of_drawing_covers_them(drawn: Drawn) -> None:
    assert drawn.touched <= drawn.reached
