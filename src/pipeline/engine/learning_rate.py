"""What a recipe says of each step: how many there are, and their learning rates."""

import math

from pipeline.cache.specs import Recipe
from pipeline.errors import PipelineError


def steps_in_epoch(recipe: Recipe, images: int) -> int:
    """How many batches an epoch has.

    Raises:
        PipelineError: there is none.
    """
    size = recipe.batch_size
    steps = images // size if recipe.drop_last else -(-images // size)
    if steps == 0:
        raise PipelineError(
            f"batch_size {size} with drop_last: {str(recipe.drop_last).lower()} leaves no batch of "
            f"{images} training images; lower batch_size"
        )
    return steps


def learning_rate(recipe: Recipe, epoch: int, step: int, steps: int) -> float:
    """The learning rate of a step (from 0) of an epoch (from 0) that has `steps` of them.

    ``cosine`` has one value per epoch, as `torch.optim.lr_scheduler.CosineAnnealingLR` with
    T_max = epochs has when it is stepped once per epoch; ``cosine_iteration`` has one per step.
    The warm-up multiplies either by a factor that rises with every step.

    Raises:
        PipelineError: the recipe's schedule is not known.
    """
    position = epoch + step / steps
    factor = (
        min(1.0, (position + 1 / steps) / recipe.warmup_epochs) if recipe.warmup_epochs else 1.0
    )
    match recipe.schedule:
        case "cosine":
            scale = 0.5 * (1 + math.cos(math.pi * epoch / recipe.epochs))
        case "cosine_iteration":
            scale = 0.5 * (1 + math.cos(math.pi * position / recipe.epochs))
        case "step":
            scale = 0.1 ** (epoch // recipe.step_epochs)
        case unknown:
            raise PipelineError(
                f"unknown schedule {unknown!r}; known: cosine, cosine_iteration, step"
            )
    return recipe.lr * factor * scale


def learning_rates(recipe: Recipe, images: int) -> list[float]:
    """The learning rate of every step of a training on this number of images."""
    steps = steps_in_epoch(recipe, images)
    return [
        learning_rate(recipe, epoch, step, steps)
        for epoch in range(recipe.epochs)
        for step in range(steps)
    ]
