"""The methods of the paper: what they predict with, and what they report."""

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.registry import UNCERTAINTIES, Option
from pipeline.uncertainty import estimate

OF_SAMPLES = [
    "logit_variance",
    "probability_variance",
    "max_probability",
    "entropy",
    "mutual_information",
    "expected_entropy",
    "disagreement",
    "max_logit",
    "energy",
    "msp",
]
METHODS = {
    "msp": ("member", ["msp", "entropy", "max_logit", "energy"]),
    "ensemble": ("ensemble", OF_SAMPLES),
    "mc_dropout": ("dropout", OF_SAMPLES),
}


def test_the_registry_holds_the_methods() -> None:
    assert UNCERTAINTIES.names() == sorted(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_methods_report_their_own_definition_first(name: str) -> None:
    models, definitions = METHODS[name]
    z = np.random.default_rng(0).normal(size=(1 if models == "member" else 4, 10, 3))
    assert UNCERTAINTIES.constant(name, "MODELS") == models
    options = UNCERTAINTIES.options(name)
    assert options == {
        "score": Option(definitions[0], tuple(definitions)),
        "clip": Option(0.0, note="below 0.5"),
    }

    method = UNCERTAINTIES.load(name)
    assert list(method.estimates(z)) == definitions
    chosen = method.estimates(z, score="entropy", clip=0.1)
    assert list(chosen) == ["entropy", *(d for d in definitions if d != "entropy")]
    for definition, result in chosen.items():
        expected = estimate(z, definition, clip=0.1)
        np.testing.assert_array_equal(result.uncertainty, expected.uncertainty)
        np.testing.assert_array_equal(result.confidence, expected.confidence)


@pytest.mark.parametrize("name", METHODS)
def test_unknown_definitions_are_refused(name: str) -> None:
    known = ", ".join(METHODS[name][1])
    with pytest.raises(
        PipelineError, match=f"unknown uncertainty score 'varience'; known: {known}$"
    ):
        UNCERTAINTIES.load(name).estimates(np.zeros((2, 3, 4)), score="varience")
