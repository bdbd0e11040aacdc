from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.cutting.coupling import find_groups
from pipeline.cutting.surgery import cut_channels
from pipeline.models import build
from pipeline.pruning import prune

NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "resnet18": (lambda: build("resnet18", 5, width=0.25), 32),
    "resnet18 for ImageNet": (lambda: build("resnet18", 5, width=0.25, image_size=224), 65),
    "vgg19": (lambda: build("vgg19", 5, width=0.125), 32),
    "mobilenet_v2": (lambda: torchvision.models.mobilenet_v2(num_classes=5, width_mult=0.25), 64),
    "mobilenet_v3": (lambda: torchvision.models.mobilenet_v3_small(num_classes=5), 64),
    "densenet": (
        lambda: torchvision.models.DenseNet(8, (2, 2), 16, bn_size=2, num_classes=5),
        64,
    ),
    "googlenet": (
        lambda: torchvision.models.googlenet(num_classes=5, aux_logits=False, init_weights=False),
        64,
    ),
}


def lively(model: nn.Module) -> nn.Module:
    """Batch norms as after a training."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.01, 0.05)
    return model.eval()


@pytest.mark.parametrize("network", NETWORKS)
def test_cutting_channels_that_are_zero_changes_nothing(network: str) -> None:
    torch.manual_seed(0)
    make, size = NETWORKS[network]
    model = lively(make())
    images = torch.randn(2, 3, size, size)
    found = find_groups(model, images)
    kept = {}
    for group in found:
        stay = sorted(torch.randperm(group.channels)[: 1 + group.channels // 2].tolist())
        gone = sorted(set(range(group.channels)) - set(stay))
        for name in group.convolutions:
            kept[name] = stay
        for dependant in group.dependants:
            layer = model.get_submodule(dependant.layer)
            # A follower that takes nothing in from a channel behaves as if it were zero.
            if dependant.dim == 1:
                index = [place for channel in gone for place in dependant.positions[channel]]
                layer.weight.data[:, index] = 0
    smaller = cut_channels(model, found, kept)
    with torch.no_grad():
        expected, logits = model(images), smaller(images)
    assert expected.std() > 1e-3
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    count = [sum(p.numel() for p in m.parameters()) for m in (model, smaller)]
    assert count[1] < 0.5 * count[0]


def test_a_channel_whose_filters_are_zero_can_go() -> None:
    model = lively(build("resnet18", 5, width=0.125))
    found = find_groups(model, torch.zeros(1, 3, 32, 32))
    group = found[4]
    with torch.no_grad():
        for conv, norm in group.norms.items():
            model.get_parameter(f"{conv}.weight")[3] = 0
            model.get_parameter(f"{norm}.weight")[3] = 0
            model.get_parameter(f"{norm}.bias")[3] = 0
    kept = {name: [c for c in range(16) if c != 3] for name in group.convolutions}
    smaller = cut_channels(model, [group], kept)
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(smaller(images), model(images))
    assert smaller.layer2[0].conv2.weight.shape == (15, 16, 3, 3)
    assert smaller.layer2[1].conv1.weight.shape == (16, 15, 3, 3)
    assert smaller.layer3[0].downsample[0].weight.shape == (32, 15, 1, 1)


def test_independent_masks_add_up_pairwise() -> None:
    """A ResNet's forward pass written out, with every convolution's own selection of channels."""
    torch.manual_seed(1)
    model = lively(build("resnet18", 5, width=0.125))
    images = torch.randn(2, 3, 32, 32)
    smaller, report = prune(model, "random", 0.5, example_input=images, coupling="independent")
    kept = {name: list(channels) for name, channels in report.kept.items()}
    assert kept["conv1"] != kept["layer1.0.conv2"]
    state = model.state_dict()

    def conv(x: Tensor, name: str, norm: str, source: list[int], stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"][kept[name]][:, source]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        parts = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{norm}.{part}"][kept[name]] for part in parts))

    x = conv(images, "conv1", "bn1", [0, 1, 2]).relu()
    source = kept["conv1"]
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            inner = conv(x, f"{name}.conv1", f"{name}.bn1", source, stride).relu()
            out = conv(inner, f"{name}.conv2", f"{name}.bn2", kept[f"{name}.conv1"])
            if stride == 2:
                skip = f"{name}.downsample"
                x = conv(x, f"{skip}.0", f"{skip}.1", source, stride)
            x = (out + x).relu()
            source = kept[f"{name}.downsample.0" if stride == 2 else f"{name}.conv2"]
    expected = F.linear(x.mean(dim=(2, 3)), state["fc.weight"][:, source], state["fc.bias"])
    with torch.no_grad():
        torch.testing.assert_close(smaller(images), expected)


def test_buffers_and_dtypes_survive() -> None:
    model = build("vgg19", 5, width=0.05).double()
    model(torch.randn(2, 3, 32, 32, dtype=torch.float64))
    example = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    smaller, _ = prune(model, "l1", 0.5, example_input=example)
    assert {tensor.dtype for tensor in smaller.state_dict().values()} == {
        torch.float64,
        torch.int64,
    }
    assert smaller.features[1].num_batches_tracked == 1
    assert smaller.features[1].num_features == 2
