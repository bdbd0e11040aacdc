"""torchvision's classifiers, by the names that its documentation gives.

    architectures: [{name: torchvision, model: mobilenet_v2, label: mobilenet}]

Auxiliary heads, which only train along, are left out.
"""

from difflib import get_close_matches
from typing import Literal

from torch import nn

from pipeline.errors import PipelineError
from pipeline.models.shared.adapting import place_dropout, shrink_stem

WITH_AUXILIARY_HEADS = {"googlenet", "inception_v3"}


def build(
    num_classes: int,
    *,
    dropout: float = 0.0,
    image_size: int = 32,
    model: str = "",
    stem: Literal["own", "small"] = "own",
) -> nn.Module:
    """A network of torchvision with freshly drawn weights.

    Args:
        num_classes: Number of logits.
        dropout: Probability of dropout: of the dropout layers that the network has; or, where it
            has none, of one after each stage.
        image_size: Height and width of the images; what fits, the network decides.
        model: Its name, as ``resnet50``.
        stem: The network's ``own``; or a ``small`` one for small images, which keeps their size.

    Raises:
        PipelineError: there is no such network, or no such stem or place for dropout in it.
    """
    from torchvision import models

    known = models.list_models(module=models)
    if model not in known:
        near = get_close_matches(model, known, n=3) or known[:3]
        raise PipelineError(
            f"torchvision: model: there is no classifier {model!r}; there is {', '.join(near)} "
            "(all: torchvision.models.list_models())"
        )
    options: dict[str, object] = {"num_classes": num_classes}
    if model in WITH_AUXILIARY_HEADS:
        options |= {"aux_logits": False, "init_weights": True}
    if model.startswith("vit_"):
        options["image_size"] = image_size
    try:
        network: nn.Module = models.get_model(model, weights=None, **options)
    except (TypeError, ValueError, AssertionError) as error:
        raise PipelineError(f"torchvision: {model} cannot be built: {error}") from None
    if stem == "small":
        shrink_stem(network, model)
    place_dropout(network, dropout, model)
    return network
