"""How many rows are to go: a share of the channels, or as many as save a share of operations."""

from collections import Counter

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.cutting.coupling import find_groups
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning import prune
from pipeline.pruning.resrep.targets import mac_counter, of_channels, of_operations


@pytest.mark.parametrize(("total", "wanted"), [(1920, [384, 768, 1152, 1536]),
                                               (5504, [1100, 2201, 3302, 4403])])  # fmt: skip
def test_channels_are_rounded_down(total: int, wanted: list[int]) -> None:
    widths = {"a": total - 5, "b": 5}
    assert [of_channels(widths, s).rows for s in (0.2, 0.4, 0.6, 0.8)] == wanted
    target = of_channels(widths, 0.2)
    assert not target.enough(Counter(a=target.rows - 3, b=2))
    assert target.enough(Counter(a=target.rows - 3, b=3))


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


def test_operations_as_the_target() -> None:
    # Operations per position: 3·10 + 10·20 + 20·5; without a and b channels of the first two:
    def macs(removed: Counter[str]) -> int:
        a, b = 10 - removed.get("a", 0), 20 - removed.get("b", 0)
        return 3 * a + a * b + 5 * b

    target = of_operations({"a": 10, "b": 20}, 0.5, macs)
    assert not target.enough(Counter(a=2, b=5))  # 8·3 + 8·15 + 5·15 = 219 > 165
    assert target.enough(Counter(a=4, b=9))  # 6·3 + 6·11 + 5·11 = 139
    # Of 12 rows a third and two thirds: 6·3 + 6·12 + 5·12 = 150; of 11: 7·3 + 7·13 + 5·13 = 177.
    assert target.rows == 12
    with pytest.raises(PipelineError, match=r"^resrep cannot remove 99% of this network's"):
        of_operations({"a": 10, "b": 20}, 0.99, macs)
