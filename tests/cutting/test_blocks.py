import numpy as np
import pytest
import torch
from torch import nn

from pipeline.cutting.blocks import in_turn
from pipeline.cutting.coupling import Group
from pipeline.cutting.options import CutOptions
from pipeline.cutting.selection import select


def test_parts_take_turns() -> None:
    order = np.array([5, 0, 4, 2, 1, 3])  # the parts are 0, 1, 2 and 3, 4, 5
    assert in_turn(order, 2).tolist() == [0, 5, 2, 4, 1, 3]
    assert in_turn(order, 1).tolist() == order.tolist()


@pytest.mark.parametrize(("sparsity", "kept"), [(0.5, [1, 2, 6, 7]), (0.4, [1, 2, 3, 5, 6, 7])])
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_each_part_loses_its_lowest_scores(sparsity: float, kept: list[int], scope: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1))
    group = Group(("0",), 8, {}, (), blocks=2)
    scores = {"0": torch.tensor([0.0, 9, 8, 7, 1, 2, 3, 4])}
    assert list(select(model, [group], scores, sparsity, CutOptions(scope=scope))["0"]) == kept
