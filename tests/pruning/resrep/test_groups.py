import torch
from torch import nn

from pipeline.cutting.coupling import find_groups
from pipeline.pruning.resrep.compactors import insert


def test_convolutions_with_groups_get_no_compactor() -> None:
    """Nor do those before them: in each of their groups equally many channels must stay."""
    model = nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 1, groups=2), nn.BatchNorm2d(8),
        nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 2),
    )  # fmt: skip
    groups = find_groups(model, torch.zeros(1, 3, 8, 8))
    assert [group.blocks for group in groups] == [2, 2, 1]
    assert list(insert(model, groups)) == ["4"]
