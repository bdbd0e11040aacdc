"""The classifiers of timm (PyTorch Image Models), which comes with the extra `timm`.

architectures: [{name: timm, model: resnet26d, label: resnet26d}]
"""

from difflib import get_close_matches
from typing import Literal

from torch import nn

from pipeline.errors import PipelineError
from pipeline.models.shared.adapting import place_dropout, shrink_stem


def build(
    num_classes: int,
    *,
    dropout: float = 0.0,
    image_size: int = 32,
    model: str = "",
    stem: Literal["own", "small"] = "own",
) -> nn.Module:
    """A network of timm with freshly drawn weights.

    Args:
        num_classes: Number of logits.
        dropout: Probability of dropout: of the dropout layers that the network has; or, where it
            has none, of one after each stage.
        image_size: Height and width of the images; what fits, the network decides.
        model: Its name without the weights' tag, as ``resnet26d``.
        stem: The network's ``own``; or a ``small`` one for small images, which keeps their size.

    Raises:
        PipelineError: timm is not installed; or there is no such network, or no such stem or place
            for dropout in it.
    """
    try:
        import timm
    except ImportError:
        raise PipelineError(
            f"timm: {model} needs the package timm, which is not installed: pip install timm"
        ) from None

    if not timm.is_model(model):
        known = timm.list_models()
        near = get_close_matches(model, known, n=3) or known[:3]
        raise PipelineError(
            f"timm: model: there is no network {model!r}; there is {', '.join(near)} "
            "(all: timm.list_models())"
        )
    try:
        network: nn.Module = timm.create_model(model, pretrained=False, num_classes=num_classes)
    except (TypeError, ValueError, RuntimeError) as error:
        raise PipelineError(f"timm: {model} cannot be built: {error}") from None
    if stem == "small":
        shrink_stem(network, model)
    place_dropout(network, dropout, model)
    return network
