from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn

from pipeline.cutting.feature_maps import find_feature_maps
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
    with torch.device("meta"):  # only the graph is looked at
        reference = torchvision.models.resnet18(num_classes=5)
        model = build("resnet18", 5, image_size=224)
    for network in (reference, model):
        maps = find_feature_maps(network).nodes
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
    with torch.device("meta"):
        model = torchvision.models.mobilenet_v2()
    maps = find_feature_maps(model.eval()).nodes
    assert maps["features.1.conv.0.0"].name == "features_1_conv_0_2"  # ReLU6
    assert maps["features.2.conv.2"].name == "features_2_conv_3"  # batch norm, then branches
    assert maps["features.3.conv.2"].name == "add"


def test_a_dense_blocks_maps_are_those_that_the_next_layer_sees() -> None:
    torch.manual_seed(0)
    images = torch.randn(3, 3, 32, 32)
    model = calibrated(
        torchvision.models.DenseNet(4, (2, 2), num_init_features=8, bn_size=2, num_classes=5),
        images,
    )
    seen: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        if name.endswith(("relu1", "relu", "relu2")):
            module.register_forward_hook(
                lambda module, inputs, output, name=name: seen.__setitem__(name, output.clone())
            )
    handed: list[Tensor] = []
    model.features.norm5.register_forward_hook(  # type: ignore[union-attr]
        lambda module, inputs, output: handed.append(output.relu())
    )
    with torch.no_grad():
        model(images)
    found = scores(model, "hrank", example_input=EXAMPLE, images=images)
    block = "features.denseblock"
    # The first layer's 4 maps come behind the block's 8 inputs, in the ReLU of the second layer.
    for name, maps in {
        f"{block}1.denselayer1.conv2": seen[f"{block}1.denselayer2.relu1"][:, 8:12],
        f"{block}1.denselayer2.conv2": seen["features.transition1.relu"][:, 12:16],
        "features.transition1.conv": seen[f"{block}2.denselayer1.relu1"],
        f"{block}2.denselayer1.conv2": seen[f"{block}2.denselayer2.relu1"][:, 8:12],
        f"{block}2.denselayer2.conv2": handed[0][:, 12:16],
        f"{block}1.denselayer1.conv1": seen[f"{block}1.denselayer1.relu2"],
    }.items():
        assert found[name].tolist() == pytest.approx(ranks_one_by_one(maps)), name


def test_padded_shortcuts_do_not_hide_a_map() -> None:
    torch.manual_seed(0)
    images = torch.randn(3, 3, 32, 32)
    model = calibrated(build("resnet_cifar", 5, width=0.25), images)
    seen: list[Tensor] = []
    model.get_submodule("layer2.0").register_forward_hook(lambda *given: seen.append(given[2]))
    with torch.no_grad():
        model(images)
    found = scores(model, "hrank", example_input=EXAMPLE, images=images, coupling="independent")
    assert found["layer2.0.conv2"].tolist() == pytest.approx(ranks_one_by_one(seen[0]))


def test_functions_and_methods_count_like_modules() -> None:
    class Styles(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (nn.Conv2d(3, 3, 1) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            x = torch.relu(self.a(x))
            x = self.b(x).relu_()
            return nn.functional.leaky_relu(self.c(x), inplace=True)

    maps = find_feature_maps(Styles()).nodes
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


class Tail(nn.Module):
    """A convolution, and what a function makes of it."""

    def __init__(self, tail: Callable[[Tensor], Tensor], conv: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = conv or nn.Conv2d(3, 4, 3, padding=1)
        self.norm, self.fc = nn.BatchNorm2d(4), nn.Linear(4, 2)
        self.tail = tail

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.tail(self.norm(self.conv(x))).mean(dim=(2, 3)))


class OwnKind(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * 2, self.bias)


class Fused(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


class NormAndActivation(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).clamp(min=0)


@pytest.mark.parametrize(
    ("tail", "name"),
    [
        (lambda x: nn.functional.max_pool2d(x, 2).relu(), "relu"),
        (lambda x: nn.functional.avg_pool2d(x, 2).relu(), "relu"),
        (nn.Sequential(nn.MaxPool2d(2), nn.Hardtanh()), "tail_1"),
        (lambda x: x.clamp(min=0), "clamp"),
        (lambda x: torch.clamp_min(x, 0), "clamp_min"),
        (lambda x: nn.functional.hardtanh(x, 0, 6), "hardtanh"),
        (nn.ReLU6(), "tail"),
        (lambda x: nn.functional.relu(x, inplace=True), "relu"),
    ],
)
def test_an_activation_is_found_where_it_hides(tail: Callable[[Tensor], Tensor], name: str) -> None:
    maps = find_feature_maps(Tail(tail))
    assert maps.nodes["conv"].name == name
    assert maps.plain == ()
    torch.manual_seed(0)
    model, images = calibrated(Tail(tail), IMAGES), IMAGES
    with torch.no_grad():
        expected = ranks_one_by_one(model.tail(model.norm(model.conv(images))))
    found = scores(model, "hrank", example_input=images, images=images)
    assert found["conv"].tolist() == pytest.approx(expected)


IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_stem_of_functions_shows_its_pooled_map_too() -> None:
    class Residual(Tail):
        def forward(self, x: Tensor) -> Tensor:
            x = nn.functional.max_pool2d(self.norm(self.conv(x)).relu(), 2)
            return self.fc((x + x.sigmoid()).mean(dim=(2, 3)))

    assert find_feature_maps(Residual(nn.Identity())).nodes["conv"].name == "max_pool2d"


def test_convolutions_of_other_kinds_have_maps() -> None:
    maps = find_feature_maps(Tail(nn.ReLU(), OwnKind(3, 4, 3)))
    assert maps.nodes["conv"].name == "tail"
    maps = find_feature_maps(Tail(nn.Identity(), Fused(3, 4, 3)))
    assert maps.nodes["conv"].name == "conv"
    assert maps.plain == ()
    model = Tail(nn.Identity())
    model.norm = NormAndActivation(4)
    assert find_feature_maps(model).nodes["conv"].name == "norm"
    found = scores(Tail(nn.ReLU(), OwnKind(3, 4, 3)), "hrank", example_input=IMAGES, images=IMAGES)
    assert found["conv"].shape == (4,)


def test_maps_without_activation_and_equal_ranks_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    torch.manual_seed(0)
    found = scores(Tail(nn.MaxPool2d(2)), "hrank", example_input=IMAGES, images=IMAGES)
    assert found["conv"].tolist() == [8.0] * 4  # full ranks, before the pool
    assert [record.getMessage() for record in caplog.records] == [
        "hrank: no activation was found behind conv",
        "hrank: equal ranks, so that the L1 norm decides, in conv",
    ]
    caplog.clear()
    model = calibrated(build("resnet18", 5, width=0.0625), torch.randn(8, 3, 32, 32))
    scores(model, "hrank", example_input=EXAMPLE, images=torch.randn(4, 3, 32, 32))
    assert not any("no activation" in record.getMessage() for record in caplog.records)
