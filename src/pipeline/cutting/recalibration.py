"""Running statistics of batch norms, measured anew after channels were removed."""

import torch
from torch import Tensor, nn

from pipeline.engine.batches import TrainingImages


@torch.no_grad()
def recalibrate(model: nn.Module, images: Tensor | TrainingImages, batch_size: int = 128) -> None:
    """Replace, in place, every batch norm's running mean and variance by those of some images.

    Args:
        model: A network; its mode and everything else stays as it is.
        images: Float32 [N, 3, H, W], normalised training images.
        batch_size: Images in a batch; all batches count alike.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [(module, module.training) for module in model.modules()]
    momenta = [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
        norm.train()
    for start in range(0, len(images), batch_size):
        model(images[start : start + batch_size])
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    for module, training in before:
        module.training = training
