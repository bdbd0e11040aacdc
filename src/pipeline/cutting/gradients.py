"""Gradients of the loss on training images, for criteria that ask what a channel does to it."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.engine.batches import TrainingImages
from pipeline.errors import PipelineError

Images = Tensor | TrainingImages | None


def gradients(
    model: nn.Module, pruner: str, images: Images, labels: Tensor | None, batches: int, size: int
) -> Iterator[int]:
    """Run the network on some batches; after each, parameters have its gradient of the loss.

    The loss is the mean cross-entropy of a batch, and gradients do not add up. The network is in
    evaluation mode: with the statistics of a batch, scaling a filter would change nothing that
    follows its batch norm, and the sum of weight × gradient over the filter would always be 0.

    Args:
        model: A copy that nobody else uses; its parameters are made to have gradients.
        pruner: Who asks, for the error.
        images: Float32 [N, 3, H, W], normalised training images in random order.
        labels: Int64 [N].
        batches: How many batches, if there are as many.
        size: Images in a batch.

    Yields:
        The number of images in the batch.

    Raises:
        PipelineError: there are no images, or no labels.
    """
    if images is None or labels is None or len(images) == 0:
        raise PipelineError(f"{pruner} needs training images with labels")
    model.requires_grad_(True)
    device = next(model.parameters()).device
    with torch.autocast(device.type, enabled=False):
        for start in range(0, min(len(images), batches * size), size):
            model.zero_grad()
            batch = images[start : start + size].to(device).float()
            with torch.enable_grad():
                loss = F.cross_entropy(model(batch), labels[start : start + size].to(device))
                loss.backward()  # type: ignore[no-untyped-call]
            yield len(batch)
