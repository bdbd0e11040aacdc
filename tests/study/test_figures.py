"""What a study may ask its tables and figures to show."""

import subprocess
import sys
from typing import Any

import pytest

from pipeline.errors import PipelineError
from pipeline.study import Study

TINY: dict[str, Any] = {
    "study": "tiny", "datasets": ["digits"], "architectures": ["resnet18"], "pruners": ["l1"],
    "sparsities": [0.5], "uncertainties": ["msp"],
}  # fmt: skip


def test_any_metric_but_the_accuracy_can_be_shown() -> None:
    study = Study.load(TINY | {"figures": {"metrics": ["aurc", "nll", "ece_10"]}})
    assert study.figures["metrics"] == ["aurc", "nll", "ece_10"]


@pytest.mark.parametrize(
    ("metrics", "bins", "message"),
    [
        (["ause", "auce"], None, "figures.metrics: unknown metric 'auce'; known: nll, brier, ece"),
        # A study that does not score it with ten bins cannot show it.
        (["ece_10"], [15, 20], "figures.metrics: unknown metric 'ece_10'; known: .*, ece_20"),
        (["accuracy"], None, "figures.metrics: the accuracy is shown beside each of them"),
        (["ece", "ece"], None, "figures.metrics: .* holds a duplicate"),
        ([], None, "figures.metrics: needs at least 1 value"),
    ],
)  # fmt: skip
def test_metrics_that_cannot_be_shown_are_refused_when_the_study_is_read(
    metrics: list[str], bins: list[int] | None, message: str
) -> None:
    score = {"score": {"bins": bins}} if bins else {}
    with pytest.raises(PipelineError, match=message):
        Study.load(TINY | score | {"figures": {"metrics": metrics}})


def test_reading_a_study_needs_no_numpy() -> None:
    code = f"import sys; from pipeline.study import Study; Study.load({TINY}); "
    code += "print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ({"pruner": "l2", "sparsity": 0.5}, r"examples\[0\]: pruner 'l2' is none of .*: l1$"),
        ({"pruner": "l1", "sparsity": 0.4}, r"examples\[0\]: sparsity 0.4 is none of .*: 0.5$"),
        ({"pruner": "l1"}, r"figures.examples\[0\]: .*sparsity"),
    ],
)
def test_examples_that_are_no_networks_are_refused(example: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        Study.load(TINY | {"figures": {"examples": [example]}})
    study = Study.load(TINY | {"figures": {"examples": [{"pruner": "l1", "sparsity": 0.5}]}})
    assert study.figures["examples"] == [{"pruner": "l1", "sparsity": 0.5}]
