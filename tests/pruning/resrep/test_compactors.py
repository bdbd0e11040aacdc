"""Compactors change nothing at first, shrink as Eq. 4 says, and fold away exactly."""

from collections import Counter

import pytest
import torch
from torch import nn

from pipeline.cutting.coupling import find_groups
from pipeline.cutting.surgery import cut_channels
from pipeline.errors import PipelineError
from pipeline.models import build, describe, rebuild
from pipeline.pruning.resrep.compactors import edit_gradient, fold, insert

EXAMPLE = torch.zeros(1, 3, 32, 32)


@pytest.mark.parametrize(("arch", "rows"), [("resnet18", 1920), ("vgg19", 5504)])
def test_which_layers_have_a_compactor(arch: str, rows: int) -> None:
    model = build(arch, 10)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        before = model.eval()(images)
        compactors = insert(model, find_groups(model, EXAMPLE))
        after = model(images)
    assert torch.equal(before, after)  # the identity, at first
    assert sum(compactor.out_channels for compactor in compactors.values()) == rows
    convolutions = {n for n, m in model.named_modules() if n and isinstance(m, nn.Conv2d)}
    if arch == "resnet18":
        assert list(compactors) == [f"layer{s}.{b}.conv1" for s in (1, 2, 3, 4) for b in (0, 1)]
    else:
        assert len(compactors) == 16
        assert compactors.keys() <= convolutions
    block = model.layer1[0] if arch == "resnet18" else model.features
    order = [type(m).__name__ for m in block.modules() if not list(m.children())][:4]
    assert order == ["Conv2d", "BatchNorm2d", "Conv2d", "Conv2d" if arch == "resnet18" else "ReLU"]


def test_a_network_without_such_layers_is_refused() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 1024, 2))
    with pytest.raises(PipelineError, match="is followed by a batch norm"):
        insert(model, find_groups(model, EXAMPLE))


def trained(arch: str, dtype: torch.dtype) -> nn.Module:
    """A network with lively batch norms."""
    torch.manual_seed(0)
    model = build(arch, 5, width=0.125).to(dtype)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.01, 0.05)
    return model.eval()


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
def test_folding_is_exact(arch: str) -> None:
    model = trained(arch, torch.float64)
    found = find_groups(model, EXAMPLE.double())
    compactors = insert(model, found)
    for compactor in compactors.values():
        nn.init.normal_(compactor.weight, std=compactor.out_channels**-0.5)
    images = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        before = model(images)
        fold(model, found, compactors)
        after = model(images)
    assert before.std() > 1e-3
    assert ((after - before).abs().max() / before.abs().max()).item() < 1e-12
    assert describe(model).folded.keys() == compactors.keys()
    kinds = Counter(type(module).__name__ for module in model.modules())
    assert kinds["BatchNorm2d"] == (12 if arch == "resnet18" else 0)
    twin = rebuild(describe(model), model.state_dict()).eval()
    with torch.no_grad():
        assert torch.equal(twin(images), after)


def test_rows_of_zero_can_be_cut_without_loss() -> None:
    model = trained("resnet18", torch.float64)
    found = find_groups(model, EXAMPLE.double())
    compactors = insert(model, found)
    kept = {}
    for name, compactor in compactors.items():
        nn.init.normal_(compactor.weight)
        with torch.no_grad():
            compactor.weight[::3] = 0
        kept[name] = [row for row in range(compactor.out_channels) if row % 3]
    images = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        before = model(images)
        fold(model, found, compactors)
        smaller = cut_channels(
            model, [group for group in found if group.convolutions[0] in kept], kept
        )
        torch.testing.assert_close(smaller(images), before, rtol=1e-11, atol=1e-11)
    assert smaller.layer4[0].conv1.weight.shape == (42, 32, 3, 3)
    assert smaller.layer4[0].conv2.weight.shape == (64, 42, 3, 3)
    assert describe(smaller).kept["layer4.0.conv1"] == tuple(kept["layer4.0.conv1"])
    assert describe(smaller).folded["layer4.0.conv1"] == "layer4.0.bn1"
    # Pruned like this again: what is folded stays so, and has no batch norm to put a compactor to.
    with pytest.raises(PipelineError):
        insert(smaller, find_groups(smaller, EXAMPLE.double()))


def test_the_gradient_is_that_of_equation_4() -> None:
    compactor = nn.Conv2d(2, 2, 1, bias=False)
    compactor.weight.data.copy_(torch.tensor([[3.0, 4.0], [0.0, -2.0]])[:, :, None, None])
    compactor.weight.grad = torch.tensor([[1.0, 2.0], [5.0, 6.0]])[:, :, None, None].clone()
    masked = torch.tensor([False, True])
    edit_gradient(compactor, masked, lasso=0.1, lasso_masked=0.5, lr=0.01)
    # Kept: the task's gradient and 0.1 of the unit vector [.6, .8]. Masked: 0.5 of [0, -1] alone.
    expected = torch.tensor([[1.06, 2.08], [0.0, -0.5]])[:, :, None, None]
    torch.testing.assert_close(compactor.weight.grad, expected)


def test_a_step_shortens_a_row_by_a_constant_length_down_to_zero() -> None:
    compactor = nn.Conv2d(2, 1, 1, bias=False)
    compactor.weight.data.copy_(torch.tensor([[0.3, 0.4]])[:, :, None, None])
    lengths = []
    for _ in range(4):
        compactor.weight.grad = torch.ones_like(compactor.weight)
        edit_gradient(compactor, torch.tensor([True]), lasso=0.0, lasso_masked=2.0, lr=0.1)
        compactor.weight.data -= 0.1 * compactor.weight.grad
        lengths.append(compactor.weight.norm().item())
    assert lengths == pytest.approx([0.3, 0.1, 0.0, 0.0], abs=1e-6)
