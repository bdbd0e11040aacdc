"""Image files decoded while they are used, by worker processes.

A file is read, decoded and transformed to a uint8 image by a worker; batches go to the device as
uint8 and are normalised there. What is random about an image is a function of (seed, epoch, image),
so neither the number of workers nor an interruption changes a bit of it.

There are as many workers as threads: the CPUs that the job may use. On a CPU, where the network
needs one of them, there is one less; with none, images are decoded in between.
"""

import ctypes
import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate
from torchvision.transforms import v2

from pipeline.cache.specs import Recipe
from pipeline.datasets import ImageFiles, StreamedDataset
from pipeline.datasets.shared.decoding import decoder, reason
from pipeline.engine.learning_rate import steps_in_epoch
from pipeline.errors import PipelineError
from pipeline.seeds import derive_seed

# Which image of the part, and the seed of its augmentation.
Wanted = tuple[int, int]

_PR_SET_PDEATHSIG = 1

# What to do about a file that was replaced; networks have seen one of the training set.
REPLACED = "raise `version:` of the data set in the study, or bring the file back"
REPLACED_TEST = (
    "raise `test_version:` of the data set in the study, which trains nothing anew, or bring the "
    "file back"
)


class StreamedBatches:
    """Augmented batches of a training set that is streamed from its files."""

    def __init__(
        self, data: StreamedDataset, recipe: Recipe, seed: int, device: torch.device
    ) -> None:
        self.data, self.recipe, self.seed, self.device = data, recipe, seed, device
        self.steps = steps_in_epoch(recipe, len(data.train))
        self.sampler = _Batched(recipe.batch_size)
        images = Decoded(data, data.train, augment=recipe.augment)
        self.loader = _loader(images, self.sampler, self.steps, device, persistent=True)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Images float32 [B, 3, H, W], channels last, and labels [B], from step `start` on."""
        if start == self.steps:
            return  # stopped between the last step and the end of its epoch
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", epoch))
        order = torch.randperm(len(self.data.train), generator=generator)
        size = self.recipe.batch_size
        order = order[start * size : self.steps * size]
        self.sampler.rows = order
        self.sampler.seed = (self.seed, "image", epoch)
        labels = torch.split(self.data.train.labels[order].to(self.device), size)
        for images, some in zip(_checked(self.loader, self.device), labels, strict=True):
            yield self.data.normalise(images), some


def stream(
    data: StreamedDataset, part: ImageFiles, rows: Tensor, batch_size: int, device: torch.device
) -> Iterator[Tensor]:
    """Images uint8 [B, 3, H, W] on the device, not augmented: those of `rows`, in this order."""
    sampler = _Batched(batch_size, rows)
    images = Decoded(data, part, augment=False)
    batches = -(-len(rows) // batch_size)
    yield from _checked(_loader(images, sampler, batches, device, persistent=False), device)


class Decoded(Dataset[Tensor]):
    """Image files as images; what a worker process holds.

    Args:
        data: Says how to decode and transform.
        part: The files.
        augment: Whether images are cropped and flipped at random.
    """

    def __init__(self, data: StreamedDataset, part: ImageFiles, *, augment: bool) -> None:
        self.part, self.root = part, data.root
        self.hint = REPLACED_TEST if part is data.test else REPLACED
        self.decode = decoder(data.decoder, orient=data.orient)
        self.change = data.change if part is data.test else None
        size = data.image_size
        # The default interpolation is bilinear.
        steps: list[Any] = [v2.Resize(data.resize_size, antialias=True), v2.CenterCrop(size)]
        if augment:
            steps = [v2.RandomResizedCrop(size, scale=data.scale, antialias=True)]
            steps += [v2.RandomHorizontalFlip()] if data.flip else []
        self.transform = v2.Compose(steps)

    def __getitems__(self, wanted: Sequence[Wanted]) -> Tensor | str:
        """Images uint8 [B, 3, H, W], or what is wrong with one of them.

        An exception would reach the main process with the worker's traceback.
        """
        try:
            batch: Tensor = default_collate([self.image(row, seed) for row, seed in wanted])
            return batch
        except PipelineError as error:
            return str(error)

    def image(self, row: int, seed: int) -> Tensor:
        """One image uint8 [3, H, W].

        Raises:
            PipelineError: the file is gone, was changed, or cannot be decoded.
        """
        pixels = torch.from_numpy(self._pixels(row))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            image: Tensor = self.transform(pixels.permute(2, 0, 1))
        if self.change is None:
            return image
        changed = self.change(image.permute(1, 2, 0).numpy(), int(self.part.ids[row]))
        return torch.from_numpy(changed).permute(2, 0, 1)

    def _pixels(self, row: int) -> NDArray[np.uint8]:
        path = self.root / self.part.name(row)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise PipelineError(
                f"{path}: {error.strerror}, but it was there when the data set was read"
            ) from None
        self._refuse_another(path, content, row)
        try:
            return self.decode(content)
        except Exception as error:  # decoders raise all sorts
            raise PipelineError(f"{path} cannot be decoded: {reason(error)}") from None

    def _refuse_another(self, path: Path, content: bytes, row: int) -> None:
        """Raise PipelineError unless a file is the one that the data stage read."""
        size, digests = int(self.part.sizes[row]), self.part.digests
        if len(content) != size:
            found = f"{len(content)} bytes, not {size}"
        elif digests is not None and hashlib.sha256(content).digest() != bytes(
            digests[row].numpy()
        ):
            found = "as many bytes, but others"
        else:
            return
        raise PipelineError(f"{path} has changed since the data set was read: {found}; {self.hint}")


class _Batched(Sampler[list[Wanted]]):
    """Rows in batches, each with the seed of its augmentation; both may change with the epoch."""

    def __init__(self, batch_size: int, rows: Tensor | None = None) -> None:
        self.batch_size = batch_size
        self.rows = torch.empty(0, dtype=torch.int64) if rows is None else rows
        self.seed: tuple[object, ...] = ()

    def __iter__(self) -> Iterator[list[Wanted]]:
        for rows in torch.split(self.rows, self.batch_size):
            yield [(row, derive_seed(*self.seed, row)) for row in rows.tolist()]


def _loader(
    images: Decoded, sampler: _Batched, batches: int, device: torch.device, *, persistent: bool
) -> DataLoader[Tensor]:
    on_gpu = device.type == "cuda"
    workers = min(torch.get_num_threads() - (not on_gpu), batches)
    return DataLoader(
        images,
        generator=torch.Generator(),  # leaves the global one alone
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=_as_it_is,
        pin_memory=on_gpu,
        worker_init_fn=_start_worker if workers else None,
        persistent_workers=persistent and workers > 0,
    )


def _as_it_is(batch: Any) -> Any:
    return batch


def _start_worker(_: int) -> None:
    """Leave signals to the main process, which still needs its workers to end in order.

    A cluster sends SIGTERM to all processes of a job; a worker obeys only its own main process.
    When this is killed, the worker goes too, since it holds its locks.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        threading.Thread(target=_obey_main_process, daemon=True).start()
    if hasattr(prctl := ctypes.CDLL(None), "prctl"):
        prctl.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _obey_main_process() -> None:
    main = multiprocessing.parent_process()
    while main is not None and signal.sigwaitinfo({signal.SIGTERM}).si_pid != main.pid:
        pass
    os._exit(0)


def _checked(loader: DataLoader[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Batches uint8 [B, 3, H, W], channels last, on the device; a worker's error is raised here."""
    # Every thread of a worker that is started now has the signal blocked, too.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    batches = iter(loader)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    while True:
        try:
            batch: Tensor | str | None = next(batches, None)
        except RuntimeError as error:  # a worker was killed
            reason = str(error).partition("\n")[0]
            raise PipelineError(f"reading images: {reason}") from None
        if batch is None:
            return
        if isinstance(batch, str):
            raise PipelineError(batch)
        batch = batch.to(device, non_blocking=True)
        yield batch.contiguous(memory_format=torch.channels_last)
