"""Logits of a network on the test set, in one pass or, with MC dropout, in several.

Raw logits are kept because everything later is computed from them; probabilities would have lost
the additive constant that the variance of logits needs.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pipeline.datasets import AnyDataset
from pipeline.engine import DEFAULT
from pipeline.engine.batches import evaluation_batches
from pipeline.errors import PipelineError
from pipeline.models.shared.dropout import has_dropout, sampling, splits_passes
from pipeline.progress import track


def predict(
    model: nn.Module,
    data: AnyDataset,
    *,
    samples: int = 1,
    seed: int = 0,
    batch_size: int | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Logits float32 [samples, N, C] of the test set, on the CPU.

    Args:
        model: A network; it ends in evaluation mode on `device`.
        data: Its test set is used.
        samples: One pass without dropout, or this many with it (paper, Section 3.2). The masks are
            a function of the seed, the image's id and the pass, not of the batch they fall into.
        seed: Decides the dropout masks.
        batch_size: Images in a forward pass, into which all their passes are folded. Without, 512
            small or 128 large ones.
        device: Where to compute.

    Raises:
        PipelineError: several samples are asked of a network without dropout layers, or none; or
            an image cannot be read.
    """
    return torch.cat(list(logits_by_batch(model, data, samples, seed, batch_size, device)), dim=1)


def logits_by_batch(
    model: nn.Module,
    data: AnyDataset,
    samples: int,
    seed: int,
    batch_size: int | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[Tensor]:
    """What :func:`predict` gives, as float32 [samples, B, C] for some images after the others.

    So the logits of a large test set need not fit into memory at once.
    """
    if samples < 1:
        raise PipelineError(f"samples must be at least 1, not {samples}")
    if samples > 1 and not has_dropout(model):
        raise PipelineError(f"{samples} samples need a network with dropout layers; this has none")
    device = torch.device(device)
    memory_format = DEFAULT.place(model.eval(), device)
    if batch_size is None:
        batch_size = 512 if data.image_size <= 64 else 128
    size = max(1, batch_size // samples)
    repeats = 1 if samples == 1 or splits_passes(model) else samples
    parts = torch.split(torch.arange(len(data.test)), size)
    batches = evaluation_batches(data, data.test, torch.cat(parts), size, device)
    for images, rows in zip(track(batches, "predicted batches", len(parts)), parts, strict=True):
        images = images.to(memory_format=memory_format)
        if repeats > 1:
            images = torch.cat([images] * repeats)
        with torch.inference_mode():
            logits = _passes(model, images, data.test.ids[rows].to(device), samples, seed)
        yield logits.float().reshape(samples, len(rows), -1).cpu()


def _passes(model: nn.Module, images: Tensor, ids: Tensor, samples: int, seed: int) -> Tensor:
    """Logits [samples × B, C] of images, repeated or not, with these ids [B]."""
    if samples == 1:
        return model(images)  # type: ignore[no-any-return]
    passes = torch.arange(samples, device=ids.device).repeat_interleave(len(ids))
    with sampling(model, seed, ids.repeat(samples), passes):
        return model(images)  # type: ignore[no-any-return]
