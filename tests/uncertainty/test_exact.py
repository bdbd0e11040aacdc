"""Uncertainties of confident networks against arithmetic of 80 digits."""

import mpmath
import numpy as np
import pytest

from pipeline.uncertainty import DEFINITIONS, LogitsError, compare, estimate, log_likelihood


def softmax(row: list[mpmath.mpf]) -> list[mpmath.mpf]:
    total = mpmath.fsum(mpmath.exp(each) for each in row)
    return [mpmath.exp(each) / total for each in row]


def entropy(p: list[mpmath.mpf]) -> mpmath.mpf:
    return -mpmath.fsum(each * mpmath.log(each) for each in p)


@pytest.mark.parametrize(("gap", "spread"), [(3, 1.0), (40, 1.0), (40, 1e-3), (60, 3.0)])
def test_what_confident_samples_disagree_in_is_not_lost(gap: float, spread: float) -> None:
    dice = np.random.default_rng(0)
    z = dice.normal(0, 1, (4, 5)) + spread * dice.normal(0, 1, (3, 4, 5))
    z[:, :, 1] += gap
    found = compare(z, tuple(DEFINITIONS), "msp")
    with mpmath.workdps(80):
        for image in range(4):
            rows = [[mpmath.mpf(float(value)) for value in sample[image]] for sample in z]
            each = [softmax(row) for row in rows]
            mean = [mpmath.fsum(p[c] for p in each) / 3 for c in range(5)]
            chosen = [p[1] for p in each]
            centre = mpmath.fsum(chosen) / 3
            expected = {
                "probability_variance": mpmath.fsum((p - centre) ** 2 for p in chosen) / 3,
                "entropy": entropy(mean),
                "mutual_information": entropy(mean) - mpmath.fsum(map(entropy, each)) / 3,
                "max_probability": 1 - max(mean),
                "expected_entropy": mpmath.fsum(map(entropy, each)) / 3,
            }
            logits = [mpmath.fsum(row[c] for row in rows) / 3 for c in range(5)]
            expected["energy"] = -mpmath.log(mpmath.fsum(map(mpmath.exp, logits)))
            for name, value in expected.items():
                own = found[name].uncertainty[image]
                assert own == pytest.approx(float(value), rel=1e-9, abs=0), name


def test_log_likelihoods_go_on_where_probabilities_end() -> None:
    z = np.array([[[1000.0, 0.0, 2.0], [0.0, 1.0, 2.0]]])
    found = log_likelihood(z, np.array([1, 0]), np.array([0, 1]))
    assert found == pytest.approx([-1000, -np.log(1 + np.e + np.e**2)])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200, -1e200])
def test_logits_that_overflow_are_refused_with_their_array(value: float) -> None:
    good, bad = np.zeros((1, 3, 2)), np.zeros((2, 3, 2))
    bad[1, 2, 0] = value
    with pytest.raises(LogitsError, match=r"sample 2, image 2, class 0") as error:
        estimate([good, bad])
    assert error.value.part == 1
