"""SGD against torch's own, and the groups of parameters of the published recipes."""

import pytest
import torch
from recipes import CIFAR, IMAGENET, RESREP
from torch import nn

from pipeline.cache.specs import Recipe
from pipeline.engine.optimiser import SGD, parameter_groups
from pipeline.models import build


def network() -> nn.Module:
    torch.manual_seed(0)
    return build("resnet18", 4, width=1 / 16, dropout=0.2, image_size=8)


def test_sgd_is_torchs() -> None:
    mine, other = network(), network()
    recipe = Recipe(1, weight_decay=1e-2, decay_normalisation=False, bias_lr=2.0)
    groups = parameter_groups(mine, recipe)
    named = {id(p): name for name, p in mine.named_parameters()}
    twin = dict(other.named_parameters())
    reference = torch.optim.SGD(
        [
            {"params": [twin[named[id(p)]] for p in group.parameters],
             "weight_decay": group.weight_decay, "lr": 0.05 * group.lr_scale}
            for group in groups
        ],
        lr=0.05,
        momentum=0.9,
    )  # fmt: skip
    optimiser = SGD(groups)
    images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        for model in (mine, other):
            model.eval()(images).square().mean().backward()
        optimiser.step(0.05)
        reference.step()
        reference.zero_grad()
    for name, parameter in mine.named_parameters():
        torch.testing.assert_close(parameter, twin[name])


def test_weight_decay_groups() -> None:
    model = build("vgg19", 10, width=1 / 16)
    groups = parameter_groups(model, Recipe(1, decay_normalisation=False, bias_lr=2.0))
    # 16 convolutions and the head; 16 batch norms; a bias for each of these 33.
    assert [(len(g.parameters), g.weight_decay, g.lr_scale) for g in groups] == [
        (17, 5e-4, 1.0), (16, 0.0, 1.0), (33, 0.0, 2.0),
    ]  # fmt: skip


def decays(recipe: Recipe, model: nn.Module) -> dict[str, tuple[float, float, float]]:
    """Weight decay, momentum and factor on the learning rate, by name of the parameter."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group.weight_decay, group.momentum, group.lr_scale)
        for group in parameter_groups(model, recipe)
        for parameter in group.parameters
    }


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
@pytest.mark.parametrize(("recipe", "decay"), [(CIFAR, 5e-4), (IMAGENET, 1e-4)])
def test_the_base_recipes_decay_every_parameter_alike(
    arch: str, recipe: Recipe, decay: float
) -> None:
    model = build(arch, 10, width=1 / 16)
    found = decays(recipe, model)
    assert found == {name: (decay, 0.9, 1.0) for name, _ in model.named_parameters()}


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
def test_resrep_decays_weights_alone_and_doubles_the_rate_of_biases(arch: str) -> None:
    model = build(arch, 10, width=1 / 16)
    norms = {name for name, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    expected = {}
    for name, _ in model.named_parameters():
        layer, _, kind = name.rpartition(".")
        light = kind == "bias" or layer in norms
        expected[name] = (0.0 if light else 1e-4, 0.9, 2.0 if kind == "bias" else 1.0)
    assert decays(RESREP, model) == expected
    assert {factor for _, _, factor in expected.values()} == {1.0, 2.0}
