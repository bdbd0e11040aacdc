import itertools

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.cutting.blocks import in_turn, stays_in_order
from pipeline.cutting.coupling import Group
from pipeline.cutting.options import CutOptions
from pipeline.cutting.selection import select


def test_parts_take_turns() -> None:
    order = np.array([5, 0, 4, 2, 1, 3])  # the parts are 0, 1, 2 and 3, 4, 5
    assert in_turn(order, 2).tolist() == [0, 5, 2, 4, 1, 3]
    assert in_turn(order, 1).tolist() == order.tolist()


ORDERS = {
    "as they are": lambda x: x,
    "backwards": lambda x: x.flip(0),
    "every pixel of each": lambda x: x.repeat_interleave(9),
    "at every pixel": lambda x: x.repeat(9),
    "there and back": lambda x: torch.cat([x, x.flip(0)]),
    "a map, then its mean": lambda x: torch.cat([x.repeat_interleave(4), x]),
    "halves in turn": lambda x: x.view(2, -1).T.flatten(),
    "halves swapped": lambda x: torch.cat(x.chunk(2)[::-1]),
    "rolled": lambda x: x.roll(1),
    "rolled by half": lambda x: x.roll(len(x) // 2),
    "four in turn": lambda x: x.view(4, -1).T.flatten(),
    "half of it again": lambda x: torch.cat([x, x[: len(x) // 2]]),
    "twice in one place": lambda x: torch.cat([x[:1], x]),
}
# The first are right if equally many channels stay in each half. The second are never right.
ONLY_WITH_HALVES = {"halves swapped", "rolled by half", "half of it again"}
NEVER = {"rolled", "halves in turn", "four in turn", "twice in one place"}


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("name", ORDERS)
def test_an_order_that_no_cut_disturbs(name: str, blocks: int) -> None:
    """Against the definition: any cut of the order is the order of the cut."""
    taken = ORDERS[name](torch.arange(8))
    expected = name not in NEVER and (blocks == 2 or name not in ONLY_WITH_HALVES)
    assert stays_in_order(taken.numpy(), 8, blocks) == expected
    for kept in itertools.combinations(range(8), 4):
        if blocks == 1 or sum(channel < 4 for channel in kept) == 2:
            order = [channel for channel in taken.tolist() if channel in kept]
            assert ORDERS[name](torch.tensor(kept)).tolist() == order or not expected


@pytest.mark.parametrize(("sparsity", "kept"), [(0.5, [1, 2, 6, 7]), (0.4, [1, 2, 3, 5, 6, 7])])
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_each_part_loses_its_lowest_scores(sparsity: float, kept: list[int], scope: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1))
    group = Group(("0",), 8, {}, (), blocks=2)
    scores = {"0": torch.tensor([0.0, 9, 8, 7, 1, 2, 3, 4])}
    assert list(select(model, [group], scores, sparsity, CutOptions(scope=scope))["0"]) == kept
