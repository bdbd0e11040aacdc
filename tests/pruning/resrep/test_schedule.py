import math
from collections import Counter

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.cutting.coupling import find_groups
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning import prune
from pipeline.pruning.resrep.schedule import (
    channels_target,
    flops_target,
    mac_counter,
    official_schedule,
    reaching_schedule,
    schedule_reach,
)


def cosine(iterations: int, lr: float = 0.01) -> list[float]:
    return [lr * (1 + math.cos(math.pi * t / iterations)) / 2 for t in range(iterations)]


def test_the_official_run() -> None:
    schedule = official_schedule(180, 180 * 782)
    assert (schedule.warm_up, schedule.interval, schedule.rows_per_step) == (5 * 782, 200, 4)
    choices = [t for t in range(180 * 782) if schedule.chooses_at(t)]
    assert (choices[0], choices[1], choices[-1]) == (4000, 4200, 140_600)
    # With the last partial batch dropped, as in the official code: 683 times 4 rows of VGG19's
    # 5,504, too few for the sparsities 0.6 and 0.8.
    dropped = official_schedule(180, 180 * 781)
    assert schedule_reach(dropped, cosine(180 * 781))[0] == 2732


def test_when_the_official_run_has_masked_resnet18s_largest_target() -> None:
    # Four rows at each choice: 1,536 of 1,920, the sparsity 0.8, are masked in the 384th, which is
    # iteration 4000 + 383 · 200 of 781 in an epoch.
    schedule = official_schedule(180, 180 * 781)
    choices = [t for t in range(180 * 781) if schedule.chooses_at(t)]
    assert choices[1536 // 4 - 1] // 781 == 103


def test_shorter_runs_keep_the_proportions() -> None:
    schedule = official_schedule(18, 18 * 782)
    assert (schedule.warm_up, schedule.interval) == (391, 20)
    schedule = official_schedule(180, 18 * 782)  # fewer images
    assert (schedule.warm_up, schedule.interval) == (391, 20)
    tiny = official_schedule(10, 140)
    assert (tiny.warm_up, tiny.interval) == (4, 1)
    longer = official_schedule(180, 180 * 5005, warmup_epochs=2, interval=100)
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
    schedule = official_schedule(180, iterations)
    masked, vanished = schedule_reach(schedule, rates)
    assert masked == 684 * 4
    # The last choice of rows that can still vanish: before it they do, soon after they don't.
    choices = [t for t in range(iterations) if schedule.chooses_at(t)]
    last = choices[vanished // 4 - 1]
    assert shortened(last - 1000, rates, 1e-4, 0.99) == 0.0
    assert shortened(last + 1000, rates, 1e-4, 0.99) > 0.0


@pytest.mark.parametrize(("iterations", "wanted"), [(140, 550), (1400, 550), (140_760, 4403)])
def test_a_reaching_schedule_reaches(iterations: int, wanted: int) -> None:
    rates = cosine(iterations)
    schedule = official_schedule(180, iterations)
    assert schedule_reach(schedule, rates)[1] < wanted
    reaching = reaching_schedule(schedule, rates, wanted)
    assert schedule_reach(reaching, rates)[1] >= wanted
    assert reaching.lasso == schedule.lasso
    half = iterations // 2
    choices = sum(map(reaching.chooses_at, range(half)))
    assert choices * reaching.rows_per_step >= wanted
    fewer = reaching.rows_per_step - 1  # would not do, or be fewer than published
    assert choices * fewer < wanted or fewer < schedule.rows_per_step
    final = shortened(half, rates, reaching.lasso_masked, reaching.compactor_momentum)
    assert final == 0.0


def test_a_schedule_that_reaches_stays() -> None:
    rates = cosine(180 * 782)
    schedule = official_schedule(180, 180 * 782)
    assert reaching_schedule(schedule, rates, 1000) == schedule


@pytest.mark.parametrize(("total", "wanted"), [(1920, [384, 768, 1152, 1536]),
                                               (5504, [1100, 2201, 3302, 4403])])  # fmt: skip
def test_channels_are_rounded_down(total: int, wanted: list[int]) -> None:
    widths = {"a": total - 5, "b": 5}
    assert [channels_target(widths, s)[1] for s in (0.2, 0.4, 0.6, 0.8)] == wanted
    enough, number = channels_target(widths, 0.2)
    assert not enough(Counter(a=number - 3, b=2))
    assert enough(Counter(a=number - 3, b=3))


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
def test_operations_are_those_of_the_smaller_network(arch: str) -> None:
    model = build(arch, 5, width=0.125)
    images = torch.zeros(1, 3, 32, 32)
    found = find_groups(model, images)
    macs = mac_counter(model, found, images)
    removed: Counter[str] = Counter()
    smaller, report = prune(model, "random", 0.4, example_input=images)
    for name, width in report.widths.items():
        removed[name] = model.get_submodule(name).out_channels - width

    def counted_by_torch(network: nn.Module) -> int:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network.eval()(images)
        return counter.get_total_flops() // 2

    assert macs({}) == counted_by_torch(model)
    assert macs(removed) == counted_by_torch(smaller)


def test_flops_target() -> None:
    # Operations per position: 3·10 + 10·20 + 20·5; without a and b channels of the first two:
    def macs(removed: Counter[str]) -> int:
        a, b = 10 - removed.get("a", 0), 20 - removed.get("b", 0)
        return 3 * a + a * b + 5 * b

    enough, rows = flops_target({"a": 10, "b": 20}, 0.5, macs)
    assert not enough(Counter(a=2, b=5))  # 8·3 + 8·15 + 5·15 = 219 > 165
    assert enough(Counter(a=4, b=9))  # 6·3 + 6·11 + 5·11 = 139
    # Of 12 rows a third and two thirds: 6·3 + 6·12 + 5·12 = 150; of 11: 7·3 + 7·13 + 5·13 = 177.
    assert rows == 12
    with pytest.raises(PipelineError, match=r"^resrep cannot remove 99% of this network's"):
        flops_target({"a": 10, "b": 20}, 0.99, macs)
