import copy
import json

import pytest
import torch
import torchvision
from torch import Tensor, nn

from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning import prune, scores
from pipeline.registry import use_plugins

EXAMPLE = torch.zeros(1, 3, 32, 32)
# All but lamp, which needs one threshold for the network.
ONE_SHOT = [
    "random", "l1", "batchnorm", "hrank", "taylor", "fpgm", "gfbs", "scratch", "torch_pruning",
]  # fmt: skip
SPARSITIES = (0.0, 0.2, 0.4, 0.6, 0.8)

# The paper's Table 1 to all digits (it prints 11.17, 7.18, … million, with 10 classes), and the
# same networks with 100 classes, in millions.
TABLE_1 = {
    "resnet18": (11_173_962, 7_175_586, 4_049_352, 1_803_314, 457_578),
    "vgg19": (20_040_522, 12_858_225, 7_258_530, 3_224_231, 817_115),
}
WITH_100_CLASSES = {
    "resnet18": (11.2201, 7.2126, 4.0772, 1.8219, 0.4669),
    "vgg19": (20.0867, 12.8952, 7.2863, 3.2428, 0.8265),
}


@pytest.mark.parametrize("arch", TABLE_1)
def test_table_1_of_the_paper(arch: str) -> None:
    model = build(arch, 10)
    reports = [prune(model, "random", s, example_input=EXAMPLE)[1] for s in SPARSITIES]
    assert tuple(report.parameters for report in reports) == TABLE_1[arch]
    assert {report.parameters_before for report in reports} == {TABLE_1[arch][0]}


@pytest.mark.parametrize("arch", TABLE_1)
def test_table_1_with_100_classes(arch: str) -> None:
    model = build(arch, 100)
    for sparsity, millions in zip(SPARSITIES, WITH_100_CLASSES[arch], strict=True):
        smaller, report = prune(
            model, "l1", sparsity, example_input=EXAMPLE, coupling="independent"
        )
        counted = sum(parameter.numel() for parameter in smaller.parameters())
        assert report.parameters == counted
        assert round(counted / 1e6, 4) == millions


def imagenet_resnet18(sparsity: float) -> int:
    """The parameters of an ImageNet ResNet18 whose every width c is c - ⌊c·s⌋, by arithmetic."""
    widths = [width - int(width * sparsity + 1e-9) for width in (64, 128, 256, 512)]
    count = 3 * widths[0] * 7 * 7 + 2 * widths[0]
    before = widths[0]
    for width in widths:
        # Two blocks of two 3×3 convolutions, each with a batch norm; a 1×1 shortcut if it widens.
        count += 9 * (before * width + 3 * width * width) + 4 * 2 * width
        if before != width:
            count += before * width + 2 * width
        before = width
    return count + before * 1000 + 1000


@pytest.mark.parametrize("coupling", ["group", "independent"])
@pytest.mark.parametrize("network", ["own", "torchvision"])
def test_sizes_on_imagenet(network: str, coupling: str) -> None:
    model = (
        build("resnet18", 1000, image_size=224)
        if network == "own"
        else torchvision.models.resnet18()
    )
    example = torch.zeros(1, 3, 64, 64)
    assert imagenet_resnet18(0) == 11_689_512  # as torchvision says
    for sparsity in (0.0, 0.2, 0.6):
        _, report = prune(model, "l1", sparsity, example_input=example, coupling=coupling)
        assert report.parameters == imagenet_resnet18(sparsity)


@pytest.mark.parametrize(
    "pruner",
    ["random", "l1", "batchnorm", "hrank", "taylor", "fpgm", "gfbs", "scratch", "torch_pruning"],
)
@pytest.mark.parametrize("arch", TABLE_1)
def test_every_criterion_prunes_every_convolution(arch: str, pruner: str) -> None:
    torch.manual_seed(0)
    model = build(arch, 10, width=0.125)
    images = torch.randn(2, 3, 32, 32)
    smaller, report = prune(
        model, pruner, 0.4, example_input=EXAMPLE, images=images, labels=torch.tensor([0, 3])
    )
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d):
            width = layer.out_channels - int(0.4 * layer.out_channels)
            assert smaller.get_submodule(name).out_channels == report.widths[name] == width
            kept = report.kept[name]
            assert len(kept) == width
            assert list(kept) == sorted(set(kept))
            assert set(kept) <= set(range(layer.out_channels))
    assert smaller(torch.randn(2, 3, 32, 32)).shape == (2, 10)
    assert report.macs < report.macs_before


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_is(training: bool) -> None:
    model = build("resnet18", 10, width=0.125).train(training)
    model.layer1[0].eval()  # modes that differ are kept, too
    model.fc.weight.requires_grad = False
    twin = copy.deepcopy(model)
    images = torch.randn(4, 3, 32, 32)
    smaller, _ = prune(model, "hrank", 0.5, example_input=EXAMPLE, images=images)
    scores(model, "hrank", example_input=EXAMPLE, images=images)
    assert all(
        torch.equal(tensor, twin.state_dict()[key]) for key, tensor in model.state_dict().items()
    )
    pairs = list(zip(model.modules(), twin.modules(), smaller.modules(), strict=True))
    assert all(one.training == two.training == three.training for one, two, three in pairs)
    assert not any(one._forward_hooks for one, _, _ in pairs)
    assert not any(three._forward_hooks for _, _, three in pairs)
    assert not smaller.fc.weight.requires_grad
    assert smaller.conv1.weight.requires_grad
    with torch.no_grad():
        for parameter in smaller.parameters():
            parameter.zero_()
    assert model.fc.bias.abs().sum() > 0


def test_the_report_is_json_and_counts_operations() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(4 * 64, 2, bias=False)
    )
    _, report = prune(model, "l1", 0.5, example_input=torch.zeros(5, 3, 8, 8))
    content = json.loads(json.dumps(report.to_json()))
    assert content == {
        "pruner": "l1",
        "sparsity": 0.5,
        "kept": {"0": list(report.kept["0"])},
        "widths": {"0": 2},
        "parameters": 27 * 2 + 128 * 2,
        "parameters_before": 27 * 4 + 256 * 2,
        "macs": 27 * 2 * 64 + 128 * 2,
        "macs_before": 27 * 4 * 64 + 256 * 2,
        "details": {},
    }


@pytest.mark.parametrize(
    ("pruner", "sparsity", "options", "message"),
    [
        ("l1", 1.0, {}, r"sparsity must be in \[0, 1\), not 1.0"),
        ("l1", -0.1, {}, r"sparsity must be in \[0, 1\), not -0.1"),
        ("l1", float("nan"), {}, r"sparsity must be in \[0, 1\), not nan"),
        ("l2", 0.5, {}, "unknown pruner 'l2'; known: batchnorm, fpgm, gfbs, hrank, l1, lamp, "
         "random, resrep, scratch, taylor, torch_pruning"),
        ("hrank", 0.5, {"batchsize": 3},
         "hrank: unknown option 'batchsize'; allowed: coupling, scope, recalibrate, target, "
         "round_to, ignored, layers, max_sparsity, batches, batch_size"),
        ("resrep", 0.5, {}, "resrep prunes while it trains: use "
         "pipeline.pruning.resrep.prune_in_training"),
        ("l1", 0.5, {"coupling": "none"}, "unknown coupling 'none'; known: group, independent"),
        ("hrank", 0.5, {}, "hrank needs training images"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(
    pruner: str, sparsity: float, options: dict[str, object], message: str
) -> None:
    model = build("resnet18", 10, width=0.125)
    with pytest.raises(PipelineError, match=f"^{message}$"):
        prune(model, pruner, sparsity, example_input=EXAMPLE, **options)


def test_a_criterion_of_ones_own(tmp_path) -> None:
    file = tmp_path / "first.py"
    file.write_text(
        "def scores(model, groups, *, images=None, seed=0, sign=1):\n"
        "    import torch\n"
        "    return {name: sign * torch.arange(group.channels, 0, -1)\n"
        "            for group in groups for name in group.convolutions}\n"
    )
    use_plugins([file])
    model = build("resnet18", 10, width=0.125)
    _, report = prune(model, "first", 0.5, example_input=EXAMPLE)
    assert set(report.kept["layer1.0.conv2"]) == {0, 1, 2, 3}
    _, report = prune(model, "first", 0.5, example_input=EXAMPLE, sign=-1)
    assert set(report.kept["layer1.0.conv2"]) == {4, 5, 6, 7}


def test_scores_are_the_criterions() -> None:
    model = build("vgg19", 10, width=0.05)
    found: dict[str, Tensor] = scores(model, "l1", example_input=EXAMPLE)
    assert found.keys() == {n for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}
    weight = model.features[3].weight
    assert found["features.3"][1].item() == pytest.approx(weight[1].abs().sum().item())
