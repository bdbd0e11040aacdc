import pytest
import torch
import torchvision
from torch import nn

from pipeline.cutting.coupling import find_groups
from pipeline.errors import PipelineError
from pipeline.models import build

EXAMPLE = torch.zeros(1, 3, 32, 32)


def test_groups_of_a_resnet() -> None:
    found = find_groups(build("resnet18", 10, width=0.125), EXAMPLE)
    assert [group.convolutions for group in found] == [
        ("conv1", "layer1.0.conv2", "layer1.1.conv2"),
        ("layer1.0.conv1",),
        ("layer1.1.conv1",),
        ("layer2.0.conv1",),
        ("layer2.0.conv2", "layer2.0.downsample.0", "layer2.1.conv2"),
        ("layer2.1.conv1",),
        ("layer3.0.conv1",),
        ("layer3.0.conv2", "layer3.0.downsample.0", "layer3.1.conv2"),
        ("layer3.1.conv1",),
        ("layer4.0.conv1",),
        ("layer4.0.conv2", "layer4.0.downsample.0", "layer4.1.conv2"),
        ("layer4.1.conv1",),
    ]
    assert [group.channels for group in found] == [8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64]
    assert found[4].norms == {
        "layer2.0.conv2": "layer2.0.bn2",
        "layer2.0.downsample.0": "layer2.0.downsample.1",
        "layer2.1.conv2": "layer2.1.bn2",
    }


def test_followers_know_whose_channels_they_take() -> None:
    found = find_groups(build("resnet18", 10, width=0.125), EXAMPLE)
    followers = {(d.layer, d.dim): d.source for group in found for d in group.dependants}
    assert followers["layer1.0.conv1", 1] == "conv1"
    assert followers["layer1.1.conv1", 1] == "layer1.0.conv2"
    assert followers["layer2.0.downsample.0", 1] == "layer1.1.conv2"
    assert followers["layer2.0.downsample.0", 0] == "layer2.0.downsample.0"
    assert followers["layer2.1.conv1", 1] == "layer2.0.downsample.0"  # it runs after conv2
    assert followers["layer2.0.bn2", 0] == "layer2.0.conv2"
    assert followers["fc", 1] == "layer4.1.conv2"
    assert not any(layer == "fc" and dim == 0 for layer, dim in followers)


def test_independent_groups_are_the_convolutions() -> None:
    model = build("resnet18", 10, width=0.125)
    found = find_groups(model, EXAMPLE, "independent")
    names = {name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    assert sorted(group.convolutions for group in found) == sorted((name,) for name in names)
    together = {d for group in find_groups(model, EXAMPLE) for d in group.dependants}
    assert {d for group in found for d in group.dependants} == together


def test_flattened_channels_stand_for_all_their_pixels() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 16, 2))
    (group,) = find_groups(model, torch.zeros(1, 3, 4, 4))
    (head,) = (d for d in group.dependants if d.layer == "2")
    assert head.positions[1] == tuple(range(16, 32))


def test_concatenated_channels_are_shifted() -> None:
    model = torchvision.models.squeezenet1_1(num_classes=3)
    found = {group.convolutions: group for group in find_groups(model, torch.zeros(1, 3, 64, 64))}
    group = found[("features.3.expand3x3",)]
    (follower,) = (d for d in group.dependants if d.layer == "features.4.squeeze")
    assert follower.positions[:2] == ((64,), (65,))
    assert not any("classifier.1" in convolutions for convolutions in found)  # gives the output


def test_depthwise_convolutions_follow() -> None:
    model = torchvision.models.mobilenet_v2(num_classes=3, width_mult=0.25)
    found = find_groups(model, torch.zeros(1, 3, 32, 32))
    depthwise = {n for n, m in model.named_modules() if isinstance(m, nn.Conv2d) and m.groups > 1}
    assert len(depthwise) == 17
    assert not depthwise & {name for group in found for name in group.convolutions}
    assert depthwise <= {d.layer for group in found for d in group.dependants if d.dim == 0}


def test_a_batch_norm_counts_only_directly_behind_a_convolution() -> None:
    conv, norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    (direct,) = find_groups(nn.Sequential(conv, norm, nn.ReLU(), *head), EXAMPLE)
    (later,) = find_groups(nn.Sequential(conv, nn.ReLU(), norm, *head), EXAMPLE)
    assert direct.norms == {"0": "1"}
    assert later.norms == {}


def test_what_cannot_be_coupled_is_refused() -> None:
    class Halves(nn.Module):
        """Two convolutions meet the halves of a third one's channels."""

        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)
            self.both = nn.Conv2d(3, 8, 1)
            self.fc = nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = torch.cat([self.left(x), self.right(x)], dim=1) + self.both(x)
            return self.fc(out.mean(dim=(2, 3)))

    with pytest.raises(PipelineError, match=r"are not coupled one to one$"):
        find_groups(Halves(), EXAMPLE)
