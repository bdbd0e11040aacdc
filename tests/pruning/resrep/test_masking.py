"""When rows are masked: the official run's numbers, shorter runs, and what would reach a target."""

import math

import pytest

from pipeline.pruning.resrep.masking import official, reach, reaching


def cosine(iterations: int, lr: float = 0.01) -> list[float]:
    return [lr * (1 + math.cos(math.pi * t / iterations)) / 2 for t in range(iterations)]


def test_the_official_run() -> None:
    masking = official(180, 180 * 782)
    assert (masking.warm_up, masking.interval, masking.rows_per_step) == (5 * 782, 200, 4)
    choices = [t for t in range(180 * 782) if masking.chooses_at(t)]
    assert (choices[0], choices[1], choices[-1]) == (4000, 4200, 140_600)
    # With the last partial batch dropped, as in the official code: 683 times 4 rows of VGG19's
    # 5,504, too few for the sparsities 0.6 and 0.8.
    dropped = official(180, 180 * 781)
    assert reach(dropped, cosine(180 * 781))[0] == 2732


def test_when_the_official_run_has_masked_resnet18s_largest_target() -> None:
    # Four rows at each choice: 1,536 of 1,920, the sparsity 0.8, are masked in the 384th, which is
    # iteration 4000 + 383 · 200 of 781 in an epoch.
    masking = official(180, 180 * 781)
    choices = [t for t in range(180 * 781) if masking.chooses_at(t)]
    assert choices[1536 // 4 - 1] // 781 == 103


def test_shorter_runs_keep_the_proportions() -> None:
    masking = official(18, 18 * 782)
    assert (masking.warm_up, masking.interval) == (391, 20)
    masking = official(180, 18 * 782)  # fewer images
    assert (masking.warm_up, masking.interval) == (391, 20)
    tiny = official(10, 140)
    assert (tiny.warm_up, tiny.interval) == (4, 1)
    longer = official(180, 180 * 5005, warmup_epochs=2, interval=100)
    assert (longer.warm_up, longer.interval) == (2 * 5005, 100)


def shortened(start: int, rates: list[float], lasso: float, momentum: float) -> float:
    """The norm that is left of a row of norm 1, by the steps of SGD with momentum."""
    norm, velocity = 1.0, 0.0
    for lr in rates[start:]:
        velocity = momentum * velocity + lasso * min(1.0, norm / (lr * lasso + 1e-30))
        norm -= lr * velocity
        if norm < 1e-5:
            return 0.0
    return norm


def test_reach_agrees_with_a_simulation() -> None:
    iterations = 180 * 782
    rates = cosine(iterations)
    masking = official(180, iterations)
    masked, vanished = reach(masking, rates)
    assert masked == 684 * 4
    # The last choice of rows that can still vanish: before it they do, soon after they don't.
    choices = [t for t in range(iterations) if masking.chooses_at(t)]
    last = choices[vanished // 4 - 1]
    assert shortened(last - 1000, rates, 1e-4, 0.99) == 0.0
    assert shortened(last + 1000, rates, 1e-4, 0.99) > 0.0


@pytest.mark.parametrize(("iterations", "wanted"), [(140, 550), (1400, 550), (140_760, 4403)])
def test_reaching_changes_enough(iterations: int, wanted: int) -> None:
    rates = cosine(iterations)
    masking = official(180, iterations)
    assert reach(masking, rates)[1] < wanted
    changed = reaching(masking, rates, wanted)
    assert reach(changed, rates)[1] >= wanted
    assert changed.lasso == masking.lasso
    half = iterations // 2
    choices = sum(map(changed.chooses_at, range(half)))
    assert choices * changed.rows_per_step >= wanted
    fewer = changed.rows_per_step - 1  # would not do, or be fewer than published
    assert choices * fewer < wanted or fewer < masking.rows_per_step
    final = shortened(half, rates, changed.lasso_masked, changed.compactor_momentum)
    assert final == 0.0


def test_masking_that_reaches_stays() -> None:
    rates = cosine(180 * 782)
    masking = official(180, 180 * 782)
    assert reaching(masking, rates, 1000) == masking
