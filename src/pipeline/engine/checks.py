"""What makes a training fail and can be known before it: how its recipe goes with data and network.

check_recipe(recipe, len(data.train), model, image_size=data.image_size, key="finetune")
"""

import copy

import torch
from torch import Tensor, nn

from pipeline.cache.specs import Recipe
from pipeline.engine.learning_rate import steps_in_epoch
from pipeline.errors import PipelineError


def check_recipe(
    recipe: Recipe,
    images: int,
    model: nn.Module | None = None,
    *,
    image_size: int = 32,
    key: str = "recipe",
) -> None:
    """Refuse a recipe that fails on these training images or with this network.

    Args:
        recipe: How the network is to be trained.
        images: How many training images there are.
        model: The network, left as it is. Without it, only the number of batches is checked.
        image_size: Height and width of the images in pixels.
        key: The study's key for the recipe, which the message names.

    Raises:
        PipelineError: there is no batch; or the last one has a single image, of which a batch norm
            would see a single value per channel and so have no variance to divide by.
    """
    try:
        steps_in_epoch(recipe, images)
    except PipelineError as error:
        raise PipelineError(f"{key}: {error}") from None
    size = recipe.batch_size
    last = size if recipe.drop_last else images % size or size
    if last == 1 and model is not None:
        norm = _norm_of_single_values(model, image_size)
        if norm is not None:
            batch, remedy = (
                ("each batch", "raise batch_size")
                if size == 1
                else ("the last batch", "set drop_last: true, or change batch_size")
            )
            raise PipelineError(
                f"{key}: with batch_size {size} and {images} training images, {batch} has one "
                f"image, and batch norm {norm} cannot be trained on one value per channel; {remedy}"
            )


class _SingleValue(Exception):
    """A batch norm got one value per channel; its name is the argument."""


@torch.no_grad()
def _norm_of_single_values(model: nn.Module, image_size: int) -> str | None:
    """The first batch norm that gets one value per channel from a batch of one image."""
    model = copy.deepcopy(model).train()
    names = {module: name for name, module in model.named_modules()}

    def note(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if inputs[0].numel() == inputs[0].shape[1]:
            raise _SingleValue(names[norm])

    for module in names:
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.register_forward_pre_hook(note)
    image = torch.zeros(1, 3, image_size, image_size, device=next(model.parameters()).device)
    try:
        with torch.random.fork_rng(devices=[]):
            model(image)
    except _SingleValue as found:
        return str(found)
    return None
