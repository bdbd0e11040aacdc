import json
import subprocess
import sys

import pytest
import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.models import Description, build, describe, rebuild, size
from pipeline.pruning import prune

# Parameters of kuangliu/pytorch-cifar's networks, as counted there.
PARAMETERS = {
    ("resnet18", 10): 11_173_962,
    ("resnet18", 100): 11_220_132,
    ("vgg19", 10): 20_040_522,
    ("vgg19", 100): 20_086_692,
}


def logits(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(images)


@pytest.mark.parametrize(("arch", "classes"), PARAMETERS)
def test_number_of_parameters(arch: str, classes: int) -> None:
    with torch.device("meta"):
        model = build(arch, classes)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[arch, classes]


def test_operations_of_the_imagenet_resnet() -> None:
    # 1.82 G multiply-accumulates, 11,689,512 parameters: torchvision's table of weights.
    parameters, macs = size(build("resnet18", 1000, image_size=224))
    assert parameters == 11_689_512
    assert round(macs / 1e9, 2) == 1.82


def test_initial_weights_come_from_torchs_generator() -> None:
    first, second, other = (
        (torch.manual_seed(seed), build("vgg19", 4, width=0.1).features[0].weight)[1]
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("arch", "option", "message"),
    [
        ("resnet19", {}, "unknown architecture 'resnet19'; known: resnet, resnet18, .*"),
        ("vgg19", {"depth": 3}, "vgg19: unknown option 'depth'; allowed: width"),
        (
            "vgg19",
            {"image_size": 28},
            "vgg19 halves images five times: image_size is 28, not >= 32",
        ),
    ],
)
def test_wrong_names_are_refused(arch: str, option: dict[str, int], message: str) -> None:
    with pytest.raises(PipelineError, match=f"^{message}$"):
        build(arch, 10, **option)


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
def test_a_pruned_network_is_rebuilt_from_json_and_tensors(arch: str) -> None:
    model = build(arch, 5, width=0.1, dropout=0.2)
    images = torch.randn(3, 3, 32, 32)
    smaller, report = prune(model, "random", 0.5, example_input=images)
    description = Description.from_json(json.loads(json.dumps(describe(smaller).to_json())))
    assert description == describe(smaller)
    assert description.kept == report.kept
    state = {key: tensor.clone() for key, tensor in smaller.state_dict().items()}
    before = torch.random.get_rng_state()
    twin = rebuild(description, state)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(logits(twin, images), logits(smaller, images))
    assert {type(layer) for layer in twin.modules()} == {type(layer) for layer in model.modules()}
    layers = zip(twin.modules(), smaller.modules(), strict=True)
    assert all(str(one) == str(other) for one, other in layers)
    assert all(parameter.requires_grad for parameter in twin.parameters())


def test_channels_kept_are_those_of_the_original_network() -> None:
    model = build("vgg19", 5, width=0.125)
    images = torch.zeros(1, 3, 32, 32)
    once, first = prune(model, "random", 0.5, example_input=images, seed=1)
    twice, second = prune(once, "random", 0.5, example_input=images, seed=2)
    kept = describe(twice).kept["features.3"]
    assert kept == tuple(first.kept["features.3"][i] for i in second.kept["features.3"])
    original = model.get_parameter("features.3.bias")
    assert torch.equal(twice.get_parameter("features.3.bias"), original[list(kept)])


def test_a_folded_batch_norm_stays_folded() -> None:
    model = build("resnet18", 5, width=0.1)
    description = Description.from_json(
        describe(model).to_json() | {"folded": {"layer1.0.conv1": "layer1.0.bn1"}}
    )
    state = model.state_dict()
    for key in [key for key in state if key.startswith("layer1.0.bn1.")]:
        del state[key]
    state["layer1.0.conv1.bias"] = torch.randn(6)
    twin = rebuild(description, state)
    assert isinstance(twin.get_submodule("layer1.0.bn1"), nn.Identity)
    assert torch.equal(twin.get_parameter("layer1.0.conv1.bias"), state["layer1.0.conv1.bias"])
    assert describe(twin) == description


def test_tensors_of_another_network_are_refused() -> None:
    model = build("resnet18", 5, width=0.1)
    state = model.state_dict()
    del state["fc.bias"]
    with pytest.raises(PipelineError, match=r"^the tensors do not fit .*: fc.bias is missing$"):
        rebuild(describe(model), state)
    state = model.state_dict() | {"fc.gain": torch.ones(5)}
    with pytest.raises(PipelineError, match=r"fc.gain is left over$"):
        rebuild(describe(model), state)
    state = model.state_dict() | {"conv1.weight": torch.ones(6, 3, 5, 5)}
    with pytest.raises(PipelineError, match=r"^conv1.weight has shape \(6, 3, 5, 5\)"):
        rebuild(describe(model), state)


def test_only_networks_of_this_package_have_a_description() -> None:
    with pytest.raises(PipelineError, match=r"^Linear was not built by pipeline.models.build$"):
        describe(nn.Linear(2, 2))
    with pytest.raises(PipelineError, match=r"^not the description of a network"):
        Description.from_json({"architecture": "vgg19"})


def test_building_imports_neither_the_compiler_nor_torchvision() -> None:
    script = """
import sys, torch
from pipeline import models
from pipeline import pruning
model = models.build("resnet18", 3, width=0.1)
models.rebuild(model.description, model.state_dict())
images = torch.ones(2, 3, 8, 8)
pruning.prune(model, "hrank", 0.5, example_input=images, images=images)
from pipeline.pruning import resrep
print({"torch._dynamo", "torchvision", "sklearn"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
