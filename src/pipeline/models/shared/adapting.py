"""Networks of other libraries made fit for a study: small images, and MC dropout."""

import re

from torch import Tensor, nn

from pipeline.errors import PipelineError
from pipeline.models.shared.dropout import Dropout

# What torchvision and timm call the stages of the networks that have no dropout layers.
STAGES = re.compile(
    r"layer\d|stage\d|stages\.\d|s\d|blocks\.\d+|trunk_output\.block\d|features\.transition\d"
    r"|features\.[1357]"
)


def shrink_stem(model: nn.Module, name: str) -> None:
    """Give a network, in place, a stem that keeps the size of images, as is usual on CIFAR.

    The first convolution becomes a 3×3 one with stride 1; a max-pool that directly follows it goes.

    Raises:
        PipelineError: the first convolution has no stride that could go.
    """
    layers = [(n, m) for n, m in model.named_modules() if not list(m.children())]
    place, first = next(((n, m) for n, m in layers if isinstance(m, nn.Conv2d)), ("", nn.Module()))
    if not isinstance(first, nn.Conv2d) or max(first.stride) == 1:
        raise PipelineError(f"{name}: stem: small: its first convolution keeps the size of images")
    small = nn.Conv2d(
        first.in_channels, first.out_channels, 3, padding=1, bias=first.bias is not None
    )
    nn.init.kaiming_normal_(small.weight, mode="fan_out", nonlinearity="relu")
    model.set_submodule(place, small)
    behind = layers[[n for n, _ in layers].index(place) + 1 :]
    for other, layer in behind:
        if isinstance(layer, nn.Conv2d):
            break
        if isinstance(layer, nn.MaxPool2d):
            model.set_submodule(other, nn.Identity())


def place_dropout(model: nn.Module, p: float, name: str) -> None:
    """Let a network, in place, drop with probability `p`, by layers that MC dropout knows.

    They replace the dropout layers that it has; where it has none, one comes after each stage. No
    name of another layer changes.

    Raises:
        PipelineError: it has no dropout layers, and its stages are not known.
    """
    if p == 0:
        return
    kinds = (nn.Dropout, nn.Dropout2d)
    own = [n for n, m in model.named_modules() if isinstance(m, kinds) and m.p > 0]
    for place in own:
        model.set_submodule(place, Dropout(p))
    if own:
        return
    stages = [m for n, m in model.named_modules() if STAGES.fullmatch(n)]
    if not stages:
        raise PipelineError(f"{name}: dropout: it has no dropout layers and no stages to put them")
    for stage in stages:
        stage.add_module("dropout", Dropout(p))
        if not isinstance(stage, nn.Sequential):
            stage.register_forward_hook(_drop)


def _drop(stage: nn.Module, _: object, output: Tensor) -> Tensor:
    assert isinstance(stage.dropout, nn.Module)
    return stage.dropout(output)  # type: ignore[no-any-return]
