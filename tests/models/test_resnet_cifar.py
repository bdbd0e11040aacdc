import json

import pytest
import torch
from torch.nn import functional as F

from pipeline.models import Description, build, rebuild
from pipeline.pruning import prune

# Table 6 of He et al., CVPR 2016, in thousands: 0.27M, 0.46M, 0.66M, 0.85M, 1.7M; exactly as
# akamaster/pytorch_resnet_cifar10 counts them.
PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}


@pytest.mark.parametrize("depth", PARAMETERS)
def test_number_of_parameters(depth: int) -> None:
    with torch.device("meta"):
        model = build("resnet_cifar", 10, depth=depth)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[depth]


def test_shortcuts_take_every_second_pixel_and_stand_between_zeros() -> None:
    block = build("resnet_cifar", 10, width=0.25).get_submodule("layer2.0").eval()
    torch.nn.init.zeros_(block.bn2.weight)  # type: ignore[arg-type]
    x = torch.rand(2, 4, 8, 8)
    with torch.no_grad():
        assert torch.equal(block(x), F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2)))


def test_a_pruned_network_has_the_asked_widths_and_is_built_again() -> None:
    torch.manual_seed(0)
    model = build("resnet_cifar", 5, width=0.5, dropout=0.1).eval()
    images = torch.randn(3, 3, 32, 32)
    smaller, report = prune(model, "random", 0.4, example_input=images)
    assert sorted(set(report.widths.values())) == [5, 10, 20]
    description = Description.from_json(json.loads(json.dumps(smaller.description.to_json())))  # type: ignore[union-attr,operator]
    twin = rebuild(description, {k: v.clone() for k, v in smaller.state_dict().items()}).eval()
    with torch.no_grad():
        assert torch.equal(twin(images), smaller(images))
