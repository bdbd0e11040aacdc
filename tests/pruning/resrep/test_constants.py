"""What dead channels give behind activations with f(0) ≠ 0 and depthwise convolutions."""

import pytest
import torch
from torch import nn

from pipeline.cutting.coupling import find_groups
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning.resrep.compactors import cut_folded, fold, insert
from pipeline.pruning.resrep.rehearsal import check_folding

EXAMPLE = torch.zeros(1, 3, 8, 8)


def network(*layers: nn.Module) -> nn.Module:
    """The layers, between a convolution with a batch norm and a linear head, of 8 channels."""
    torch.manual_seed(0)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), *layers, *head)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                nn.init.uniform_(tensor, 0.2, 1.0)
    return model.double().eval()


def depthwise(bias: bool = False) -> list[nn.Module]:
    return [nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=bias), nn.BatchNorm2d(8)]


LOSSLESS = {
    "a depthwise convolution": [nn.ReLU(), *depthwise(), nn.ReLU(), nn.Conv2d(8, 8, 1)],
    "no bias, but a batch norm": [
        nn.ReLU(), *depthwise(True), nn.SiLU(), nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8),
    ],
    "sigmoid": [nn.Sigmoid(), nn.Conv2d(8, 8, 1)],
    "softplus, without padding": [nn.Softplus(), nn.Conv2d(8, 8, 3)],
    "relu": [nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1)],
}  # fmt: skip


@pytest.mark.parametrize("layers", LOSSLESS)
def test_a_cut_is_without_loss(layers: str) -> None:
    model = network(*LOSSLESS[layers], nn.Sigmoid())
    groups = find_groups(model, EXAMPLE.double())
    images = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    compactors = insert(model, groups)
    gone = {name: torch.arange(8) % 3 == 1 for name in compactors}
    with torch.no_grad():
        for name, compactor in compactors.items():
            compactor.weight.normal_()
            compactor.weight[gone[name]] = 0
        before = model(images)
        fold(model, groups, compactors)
        assert torch.allclose(model(images), before, rtol=1e-12)
        smaller, kept = cut_folded(model, groups, gone, images)
        torch.testing.assert_close(smaller(images), before, rtol=1e-12, atol=1e-12)
    assert kept["0"] == (0, 2, 3, 5, 6)
    assert smaller.get_submodule("0").out_channels == 5


class Standardised(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x, self.weight / self.weight.std(), self.bias)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [nn.Sigmoid(), nn.Conv2d(8, 8, 3, padding=1)],
            r"^3: pads with zeros what is not zero where channels of 0 vanish",
        ),
        (
            [nn.ReLU(), *depthwise(), nn.Conv2d(8, 8, 1, bias=False), nn.Sigmoid()],
            r"^5: has no bias, and no batch norm behind it, .* vanish in 0$",
        ),
        (
            [nn.ReLU(), Standardised(8, 8, 1), nn.BatchNorm2d(8)],
            r"^3: resrep cannot fold a Standardised, which computes something else than a Conv2d$",
        ),
    ],
)
def test_what_would_lose_something_is_refused(layers: list[nn.Module], message: str) -> None:
    model = network(*layers)
    with pytest.raises(PipelineError, match=message):
        check_folding(model, find_groups(model, EXAMPLE.double()), EXAMPLE)


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
def test_the_shipped_networks_pass_and_have_no_constants(arch: str) -> None:
    torch.manual_seed(0)
    model = build(arch, 5, width=0.125).eval()
    example = torch.zeros(1, 3, 32, 32)
    groups = find_groups(model, example)
    check_folding(model, groups, example)
    compactors = insert(model, groups)
    gone = {name: torch.arange(c.out_channels) % 2 == 1 for name, c in compactors.items()}
    for name, compactor in compactors.items():
        compactor.weight.data[gone[name]] = 0
    fold(model, groups, compactors)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    cut_folded(model, groups, gone, example)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
