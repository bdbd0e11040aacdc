"""Logits of a network on the test set, in one pass or, with MC dropout, in several.

Raw logits are kept because everything later is computed from them; probabilities would have lost
the additive constant that the variance of logits needs.
"""

import torch
from torch import Tensor, nn

from pipeline.datasets import Dataset
from pipeline.errors import PipelineError
from pipeline.models.dropout import has_dropout, sampling, splits_passes
from pipeline.progress import track


@torch.inference_mode()
def predict(
    model: nn.Module,
    data: Dataset,
    *,
    samples: int = 1,
    seed: int = 0,
    batch_size: int = 512,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Logits float32 [samples, N, C] of the test set, on the CPU.

    Args:
        model: A network; it ends in evaluation mode on `device`.
        data: Its test set is used.
        samples: One pass without dropout, or this many with it (paper, Section 3.2). The masks are
            a function of the seed, the image's id and the pass, not of the batch they fall into.
        seed: Decides the dropout masks.
        batch_size: Images a forward pass; passes are folded into it.
        device: Where to compute.

    Raises:
        PipelineError: several samples are asked of a network without dropout layers, or none.
    """
    if samples < 1:
        raise PipelineError(f"samples must be at least 1, not {samples}")
    if samples > 1 and not has_dropout(model):
        raise PipelineError(f"{samples} samples need a network with dropout layers; this has none")
    device = torch.device(device)
    model.eval().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = max(1, batch_size // samples)
    passes = torch.arange(samples, device=device)
    repeats = 1 if samples == 1 or splits_passes(model) else samples
    logits = []
    steps = range(0, len(data.test), images)
    for start in track(steps, "predicted batches", len(steps)):
        part = slice(start, start + images)
        batch = data.normalise(data.test.images[part].to(device))
        batch = batch.to(memory_format=torch.channels_last)
        count = len(batch)
        if samples == 1:
            out = model(batch)
        else:
            ids = data.test.ids[part].to(device).repeat(samples)
            with sampling(model, seed, ids, passes.repeat_interleave(count)):
                out = model(torch.cat([batch] * repeats))
        logits.append(out.float().reshape(samples, count, -1).cpu())
    return torch.cat(logits, dim=1)
