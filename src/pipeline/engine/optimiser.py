"""SGD over groups of parameters, and which group a recipe puts each parameter into."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

from pipeline.cache.specs import Recipe


@dataclass
class ParameterGroup:
    """Parameters that share their hyperparameters."""

    parameters: list[nn.Parameter]
    momentum: float
    weight_decay: float
    lr_scale: float = 1.0


class SGD:
    """SGD with momentum over parameter groups.

    `torch.optim.SGD` computes the same. But its constructor imports the compiler, which takes
    longer than training a small network for an epoch.
    """

    def __init__(self, groups: list[ParameterGroup], *, fused: bool = False) -> None:
        self.groups = groups
        self.fused = fused
        self.buffers = [[torch.zeros_like(p) for p in g.parameters] for g in groups]

    @torch.no_grad()
    def step(self, lr: float | Tensor) -> None:
        """Update every parameter that has a gradient, then forget the gradients."""
        for group, buffers in zip(self.groups, self.buffers, strict=True):
            places = [i for i, p in enumerate(group.parameters) if p.grad is not None]
            if places:
                sgd(
                    [group.parameters[i] for i in places],
                    [group.parameters[i].grad for i in places],  # type: ignore[misc]
                    [buffers[i] for i in places],
                    weight_decay=group.weight_decay,
                    momentum=group.momentum,
                    lr=lr * group.lr_scale,
                    dampening=0.0,
                    nesterov=False,
                    maximize=False,
                    foreach=not self.fused,
                    fused=self.fused,
                )
            for parameter in group.parameters:
                parameter.grad = None

    def state_dict(self) -> dict[str, Tensor]:
        """The momentum buffers."""
        return {
            f"{i}.{j}": buffer
            for i, buffers in enumerate(self.buffers)
            for j, buffer in enumerate(buffers)
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore the momentum buffers."""
        for key, buffer in state.items():
            i, j = map(int, key.split("."))
            self.buffers[i][j].copy_(buffer)


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[ParameterGroup]:
    """The recipe's groups, of those that have parameters: weights, normalisation, biases."""
    weights: list[nn.Parameter] = []
    normalisation: list[nn.Parameter] = []
    biases: list[nn.Parameter] = []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias":
                biases.append(parameter)
            elif isinstance(module, nn.modules.batchnorm._BatchNorm):
                normalisation.append(parameter)
            else:
                weights.append(parameter)
    decay = recipe.weight_decay
    light = decay if recipe.decay_normalisation else 0.0
    groups = [
        ParameterGroup(weights, recipe.momentum, decay),
        ParameterGroup(normalisation, recipe.momentum, light),
        ParameterGroup(biases, recipe.momentum, light, recipe.bias_lr),
    ]
    return [group for group in groups if group.parameters]


@torch.no_grad()
def shrink_scales(model: nn.Module, weight: float) -> None:
    """Add the gradient of an L1 penalty to the scales of the batch norms."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.weight.grad is not None:
            module.weight.grad.add_(module.weight.sign(), alpha=weight)
