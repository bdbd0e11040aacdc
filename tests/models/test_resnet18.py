import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from pipeline.models import build
from pipeline.models.shared.dropout import Dropout


def test_agrees_with_torchvision_on_large_images() -> None:
    reference = torchvision.models.resnet18(num_classes=7).eval()
    model = build("resnet18", 7, image_size=224).eval()
    model.load_state_dict(reference.state_dict())
    images = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        assert torch.equal(model(images), reference(images))


def test_initialised_like_torchvision_on_large_images() -> None:
    torch.manual_seed(0)
    weight = build("resnet18", 7, image_size=224).layer4[1].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)
    torch.manual_seed(0)
    weight = build("resnet18", 7).layer4[1].conv2.weight
    # Torch's default is uniform within 1/√fan_in.
    assert weight.abs().max().item() == pytest.approx((512 * 9) ** -0.5, rel=0.01)


def test_small_images_keep_their_resolution_in_the_stem() -> None:
    model = build("resnet18", 7, width=0.125).eval()
    sizes = []
    for stage in (model.bn1, model.layer1, model.layer2, model.layer3, model.layer4):
        stage.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[1:]))
    with torch.no_grad():
        model(torch.zeros(1, 3, 32, 32))
    assert [tuple(size) for size in sizes] == [
        (8, 32, 32), (8, 32, 32), (16, 16, 16), (32, 8, 8), (64, 4, 4)
    ]  # fmt: skip


def test_a_block_is_the_published_one() -> None:
    block = build("resnet18", 7, width=0.125).eval().layer2[0]
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.weight)
    x = torch.randn(2, 8, 6, 6)
    inner = F.relu(block.bn1(F.conv2d(x, block.conv1.weight, stride=2, padding=1)))
    outer = block.bn2(F.conv2d(inner, block.conv2.weight, padding=1))
    shortcut = block.downsample[1](F.conv2d(x, block.downsample[0].weight, stride=2))
    torch.testing.assert_close(block(x), F.relu(outer + shortcut))


def test_dropout_follows_each_block_and_changes_no_key() -> None:
    plain, dropout = (build("resnet18", 7, width=0.125, dropout=p) for p in (0.0, 0.2))
    assert plain.state_dict().keys() == dropout.state_dict().keys()
    layers = {name: m.p for name, m in dropout.named_modules() if isinstance(m, Dropout)}
    blocks = [f"layer{stage}.{block}.dropout" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert layers == dict.fromkeys(blocks, 0.2)
    block = dropout.layer1[0].train()
    out = block(torch.randn(8, 8, 16, 16))
    values = out[out > 0]
    assert 0.55 < (out == 0).float().mean() < 0.65  # half by the ReLU, a fifth of the rest
    assert len(values) > 0


def test_a_tiny_width_leaves_one_channel() -> None:
    assert build("resnet18", 7, width=0.001).conv1.out_channels == 1
