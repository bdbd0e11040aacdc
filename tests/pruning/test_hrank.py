import pytest
import torch
import torchvision
from torch import Tensor, nn

from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning import hrank, scores

EXAMPLE = torch.zeros(1, 3, 32, 32)


def calibrated(model: nn.Module, images: Tensor) -> nn.Module:
    """Batch norms that have seen the images, so that every layer has a signal."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    model.train()(images)
    return model.eval()


def ranks_one_by_one(maps: Tensor) -> list[float]:
    """The mean over the images of the rank of each channel's map, in a plain loop."""
    return [
        sum(torch.linalg.matrix_rank(image[channel]).item() for image in maps) / len(maps)
        for channel in range(maps.shape[1])
    ]


def test_a_resnets_ranks_are_those_of_a_plain_loop() -> None:
    torch.manual_seed(0)
    images = torch.randn(6, 3, 32, 32)
    model = calibrated(build("resnet18", 5, width=0.0625), images)
    with torch.no_grad():
        stem = model.bn1(model.conv1(images)).relu()
        block = model.layer1[0]
        inner = block.bn1(block.conv1(stem)).relu()
        first = (block.bn2(block.conv2(inner)) + stem).relu()
        second = model.layer1[1](first)
    found = scores(model, "hrank", example_input=EXAMPLE, images=images, batch_size=4)
    assert found["layer1.0.conv1"].tolist() == pytest.approx(ranks_one_by_one(inner))
    maps = [ranks_one_by_one(each) for each in (stem, first, second)]
    expected = [sum(ranks) / 3 for ranks in zip(*maps, strict=True)]
    for name in ("conv1", "layer1.0.conv2", "layer1.1.conv2"):
        assert found[name].tolist() == pytest.approx(expected)
    assert len(set(found["layer4.1.conv1"].tolist())) > 3  # ranks do differ


def test_the_shortcuts_map_counts_once() -> None:
    torch.manual_seed(0)
    images = torch.randn(4, 3, 32, 32)
    model = calibrated(build("resnet18", 5, width=0.0625), images)
    outputs: list[Tensor] = []
    for block in model.layer4:
        block.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    with torch.no_grad():
        model(images)
    maps = [ranks_one_by_one(each) for each in outputs]
    expected = [sum(ranks) / 2 for ranks in zip(*maps, strict=True)]
    found = scores(model, "hrank", example_input=EXAMPLE, images=images)
    assert found["layer4.0.downsample.0"].tolist() == pytest.approx(expected)


def test_vggs_maps_come_before_the_pools() -> None:
    torch.manual_seed(0)
    images = torch.randn(3, 3, 32, 32)
    model = calibrated(build("vgg19", 5, width=0.0625, dropout=0.2), images)
    with torch.no_grad():
        expected = ranks_one_by_one(model.features[:6](images))
    found = scores(model, "hrank", example_input=EXAMPLE, images=images)
    assert found["features.3"].tolist() == pytest.approx(expected)


def test_an_imagenet_stem_shows_its_pooled_map() -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 3, 80, 80)
    reference = torchvision.models.resnet18(num_classes=5)
    model = build("resnet18", 5, image_size=224)
    for network in (reference, model):
        _, maps = hrank.feature_maps(network)
        assert maps["conv1"].name == "maxpool"
        assert maps["layer1.0.conv1"].name == "layer1_0_relu"
        assert maps["layer1.0.conv2"].name == "layer1_0_relu_1"
        assert maps["layer2.0.downsample.0"].name == "layer2_0_relu_1"
    small = calibrated(build("resnet18", 5, width=0.0625, image_size=224), images)
    found = scores(small, "hrank", example_input=images, images=images, coupling="independent")
    with torch.no_grad():
        expected = ranks_one_by_one(small.maxpool(small.bn1(small.conv1(images)).relu()))
    assert found["conv1"].tolist() == pytest.approx(expected)


def test_without_activation_the_sum_counts() -> None:
    _, maps = hrank.feature_maps(torchvision.models.mobilenet_v2().eval())
    assert maps["features.1.conv.0.0"].name == "features_1_conv_0_2"  # ReLU6
    assert maps["features.2.conv.2"].name == "features_2_conv_3"  # batch norm, then branches
    assert maps["features.3.conv.2"].name == "add"


def test_functions_and_methods_count_like_modules() -> None:
    class Styles(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (nn.Conv2d(3, 3, 1) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            x = torch.relu(self.a(x))
            x = self.b(x).relu_()
            return nn.functional.leaky_relu(self.c(x), inplace=True)

    _, maps = hrank.feature_maps(Styles())
    assert [maps[name].name for name in "abc"] == ["relu", "relu_", "leaky_relu"]


def test_only_the_first_batches_count() -> None:
    model = build("resnet18", 5, width=0.0625)
    images = torch.randn(10, 3, 32, 32)
    part = scores(model, "hrank", example_input=EXAMPLE, images=images, batches=2, batch_size=3)
    same = scores(model, "hrank", example_input=EXAMPLE, images=images[:6])
    assert all(torch.equal(part[name], same[name]) for name in part)


def test_ranks_are_whole_numbers_per_image(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = torch.randn(5, 7, 6, 4)
    maps[2, 3] = 0
    maps[:, 1] = maps[:, 1, :1]  # equal rows
    expected = [[torch.linalg.matrix_rank(map_).item() for map_ in image] for image in maps]
    for elements in (1, 100, 10**6):
        monkeypatch.setattr(hrank, "ELEMENTS_AT_ONCE", elements)
        assert hrank.matrix_ranks(maps).tolist() == expected
    assert expected[2][3] == 0
    assert {image[1] for image in expected} == {1}


def test_a_network_that_branches_on_its_input_is_refused() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.fc = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return self.fc((x if x.sum() > 0 else -x).mean(dim=(2, 3)))

    with pytest.raises(PipelineError, match=r"^hrank cannot trace Branches: "):
        scores(Branches(), "hrank", example_input=EXAMPLE, images=torch.ones(2, 3, 32, 32))
