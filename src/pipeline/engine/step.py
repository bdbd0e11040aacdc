"""One step of a training: forward, backward, update, and the count of how it goes."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.cache.specs import Recipe
from pipeline.engine import computes_in_bfloat16
from pipeline.engine.extension import Extension
from pipeline.engine.optimiser import SGD, shrink_scales


class Step:
    """Trains a network on a batch.

    All of it stays on the device, so that on a GPU it can be recorded.

    Args:
        model: The network, in training mode and on its device.
        optimiser: Updates the parameters.
        recipe: Says the precision, the usual batch size, and the penalty on scales.
        extension: Changes gradients before the update.
        totals: Float64 [3], on the network's device: here the losses of all images, the right
            answers and the images are summed up.
        memory_format: How images lie in memory.
        compile: Whether to run the network through `torch.compile`.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: SGD,
        recipe: Recipe,
        extension: Extension,
        totals: Tensor,
        memory_format: torch.memory_format,
        compile: bool,
    ) -> None:
        self.model = model
        self.compiled = torch.compile(model, dynamic=False) if compile else model
        self.optimiser = optimiser
        self.recipe = recipe
        self.extension = extension
        self.totals = totals
        self.device = totals.device
        self.memory_format = memory_format
        self.bfloat16 = computes_in_bfloat16(recipe.precision, self.device)
        self.lr: float | Tensor = torch.zeros((), device=self.device) if optimiser.fused else 0.0

    def set_learning_rate(self, lr: float) -> None:
        """Set it for the steps to come, without waiting for the device."""
        if isinstance(self.lr, Tensor):
            self.lr.fill_(lr)
        else:
            self.lr = lr

    def __call__(self, images: Tensor, labels: Tensor) -> None:
        """Train on images float32 [B, 3, H, W] and labels [B]."""
        # A short batch would be compiled anew.
        full = len(labels) == self.recipe.batch_size
        model = self.compiled if full else self.model
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            logits = model(images.contiguous(memory_format=self.memory_format))
            loss = F.cross_entropy(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.gamma_l1:
            shrink_scales(self.model, self.recipe.gamma_l1)
        self.extension.after_backward(self.lr)
        self.optimiser.step(self.lr)
        self.totals[0] += loss.detach() * len(labels)
        self.totals[1] += (logits.argmax(1) == labels).sum()
        self.totals[2] += len(labels)
