"""The one training loop: train, fine-tune and ResRep share it.

    fit(model, data, Recipe(epochs=200), seed=0)

What is random is a function of (seed, epoch), never of what ran before, so a training that was
interrupted goes on where it stopped and ends with the same bits as one that was not (on a CPU).
Within an epoch nothing waits for the device.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.cache.specs import Recipe
from pipeline.datasets import AnyDataset
from pipeline.engine import DEFAULT, Engine, computes_in_bfloat16
from pipeline.engine.batches import training_batches
from pipeline.engine.cuda_graphs import Recorded
from pipeline.engine.learning_rate import learning_rate
from pipeline.engine.optimiser import SGD, ParameterGroup, parameter_groups, shrink_scales
from pipeline.engine.resume import Resume, stop_requests
from pipeline.errors import Interrupted, PipelineError
from pipeline.progress import say
from pipeline.seeds import derive_seed


class Extension:
    """What a method adds to the loop; this one adds nothing."""

    def parameter_groups(self, model: nn.Module) -> list[ParameterGroup] | None:
        """The groups to optimise, or None for the recipe's."""
        return None

    def before_step(self, iteration: int) -> None:
        """Decide what changes with an iteration (from 0)."""

    def after_backward(self, lr: float | Tensor) -> None:
        """Change gradients between the backward pass and the update with learning rate `lr`.

        On a GPU this may be recorded and replayed: what it does must not depend on the values of
        tensors, and it must read what :meth:`before_step` decided from tensors that stay.
        """

    def state_dict(self) -> dict[str, Tensor]:
        """What must be restored when an interrupted training goes on."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` gave."""


def _seed_dropout(device: torch.device, seed: int) -> None:
    """Seed the generator of one device; `torch.manual_seed` looks for all of them at each call."""
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@dataclass
class Epoch:
    """What is known of an epoch when it ends."""

    epoch: int
    loss: float
    accuracy: float
    lr: float
    seconds: float = field(compare=False)


def fit(
    model: nn.Module,
    data: AnyDataset,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    folder: Path | None = None,
    fingerprint: str = "",
    extension: Extension | None = None,
    engine: Engine = DEFAULT,
) -> list[Epoch]:
    """Train `model` in place and leave it as the last epoch made it.

    Args:
        model: A network from images [B, 3, H, W] to logits [B, C].
        data: Its training set is used, augmented as it says.
        recipe: Optimiser, schedule, batch size and epochs.
        seed: Decides the order, augmentation and dropout of every epoch.
        device: Where to train.
        folder: Where to write down, now and then after an epoch and on SIGTERM, what an interrupted
            training needs to go on; what is found there is continued, and goes away at the end.
        fingerprint: Whose training it is: only a resume file of the same is continued.
        extension: What a method adds to the loop.
        engine: How the network is run.

    Returns:
        Mean loss and accuracy on the augmented training images, of every epoch run here.

    Raises:
        PipelineError: the loss is no longer a number.
        Interrupted: SIGTERM, SIGINT or SIGHUP came.
    """
    history = []
    for done in epochs(
        model,
        data,
        recipe,
        seed=seed,
        device=device,
        folder=folder,
        fingerprint=fingerprint,
        extension=extension,
        engine=engine,
    ):
        say(
            f"epoch {done.epoch + 1}/{recipe.epochs}: loss {done.loss:.4f}, "
            f"accuracy {done.accuracy:.4f}, lr {done.lr:.3g}, {done.seconds:.1f} s"
        )
        history.append(done)
    return history


def epochs(
    model: nn.Module,
    data: AnyDataset,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    folder: Path | None = None,
    fingerprint: str = "",
    extension: Extension | None = None,
    engine: Engine = DEFAULT,
) -> Iterator[Epoch]:
    """What :func:`fit` does, epoch by epoch as they end; the arguments and errors are the same."""
    device = torch.device(device)
    extension = extension or Extension()
    memory_format = engine.place(model, device)
    fused = engine.fused and device.type == "cuda"
    groups = extension.parameter_groups(model) or parameter_groups(model, recipe)
    optimiser = SGD(groups, fused=fused)
    batches = training_batches(data, recipe, seed, device)
    resume = Resume(folder, fingerprint, model, optimiser, extension)
    epoch, step, totals = resume.load(device)
    train = Step(model, optimiser, recipe, extension, totals, memory_format, engine.compile)
    run = Recorded(train, device, model.zero_grad) if fused and engine.cuda_graphs else train
    model.train()
    with stop_requests() as stop, _chosen_algorithms(device):
        while epoch < recipe.epochs:
            begun = time.monotonic()
            for images, labels in batches.epoch(epoch, step):
                train.set_learning_rate(learning_rate(recipe, epoch, step, batches.steps))
                extension.before_step(epoch * batches.steps + step)
                _seed_dropout(device, derive_seed(seed, "step", epoch, step))
                run(images, labels)
                step += 1
                if stop:
                    resume.save(epoch, step, totals)
                    raise Interrupted(f"stopped in epoch {epoch + 1} of {recipe.epochs}")
            loss_sum, correct, count = totals.tolist()
            if not math.isfinite(loss_sum):
                raise PipelineError(
                    f"training diverged in epoch {epoch + 1} of {recipe.epochs} "
                    f"(loss {loss_sum / count}); a lower lr or a longer warm-up may help"
                )
            lr = learning_rate(recipe, epoch, batches.steps - 1, batches.steps)
            seconds = time.monotonic() - begun
            totals.zero_()
            if epoch + 1 < recipe.epochs and resume.due():
                resume.save(epoch + 1, 0, totals)
            yield Epoch(epoch, loss_sum / count, correct / count, lr, seconds)
            epoch, step = epoch + 1, 0


class Step:
    """One step of a training: forward, backward, update, and the count of how it goes.

    All of it stays on the device, so that on a GPU it can be recorded; `totals`, float64 [3], gets
    the sum of the losses, the right answers and the images.
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


@contextmanager
def _chosen_algorithms(device: torch.device) -> Iterator[None]:
    """Let cuDNN measure which algorithm is fastest for each shape, which stays the same here."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = before or device.type == "cuda"
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
