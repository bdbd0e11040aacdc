"""The one training loop: train, fine-tune and ResRep share it.

    fit(model, data, Recipe(epochs=200), seed=0)

What is random in a step is a function of (seed, epoch, step), never of what ran before. So a
training that was interrupted goes on where it stopped and ends with the same bits as one that was
not (on a CPU). Within an epoch nothing waits for the device.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pipeline.cache import history
from pipeline.cache.history import Epoch
from pipeline.cache.specs import Recipe
from pipeline.datasets import AnyDataset
from pipeline.engine import Run
from pipeline.engine.batches import training_batches
from pipeline.engine.cuda_graphs import Recorded
from pipeline.engine.extension import Extension
from pipeline.engine.learning_rate import learning_rate
from pipeline.engine.optimiser import SGD, parameter_groups
from pipeline.engine.resume import Resume, stop_requests
from pipeline.engine.step import Step
from pipeline.errors import Interrupted, PipelineError
from pipeline.progress import say, track
from pipeline.seeds import derive_seed


def fit(
    model: nn.Module,
    data: AnyDataset,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device | str | None = None,
    run: Run | None = None,
    extension: Extension | None = None,
) -> list[Epoch]:
    """Train `model` in place and leave it as the last epoch made it.

    Args:
        model: A network from images [B, 3, H, W] to logits [B, C].
        data: Its training set is used, augmented as it says.
        recipe: Optimiser, schedule, batch size and epochs.
        seed: Decides the order, augmentation and dropout of every epoch.
        device: Where to train, a CPU by default: short for ``run=Run(device)``.
        run: Where and how to train, and where an interrupted training goes on.
        extension: What a method adds to the loop.

    Returns:
        Mean loss and accuracy on the augmented training images, of every epoch, those before an
        interruption included. They are written into the run's folder, too.

    Raises:
        PipelineError: there is no batch, the loss is no longer a number, or both `device` and `run`
            are given.
        Interrupted: SIGTERM, SIGINT or SIGHUP came.
    """
    if run is not None and device is not None:
        raise PipelineError("give either device or run, which has a device")
    run = run or Run(device or "cpu")
    training = Training(model, data, recipe, seed=seed, run=run, extension=extension)
    for done in training.epochs():
        say(
            f"epoch {done.epoch + 1}/{recipe.epochs}: loss {done.loss:.4f}, "
            f"accuracy {done.accuracy:.4f}, lr {done.lr:.3g}, {done.seconds:.1f} s"
        )
    epochs = training.progress.history
    if run.folder is not None and epochs:
        history.write(run.folder, epochs)
    return epochs


class Training:
    """The training of one network, and where it stands.

    The docstring of :class:`pipeline.engine.extension.Extension` draws what it does. The arguments
    are those of :func:`fit`.

    Attributes:
        progress: Where it stands.
    """

    def __init__(
        self,
        model: nn.Module,
        data: AnyDataset,
        recipe: Recipe,
        *,
        seed: int,
        run: Run,
        extension: Extension | None = None,
    ) -> None:
        device = torch.device(run.device)
        self.model, self.recipe, self.seed, self.device = model, recipe, seed, device
        self.extension = extension or Extension()
        memory_format = run.engine.place(model, device)
        fused = run.engine.fused and device.type == "cuda"
        groups = self.extension.parameter_groups(model) or parameter_groups(model, recipe)
        optimiser = SGD(groups, fused=fused)
        self.batches = training_batches(data, recipe, seed, device)
        self.resume = Resume(run.folder, run.stamp, model, optimiser, self.extension)
        self.progress = self.resume.load(device)
        self.train_step = Step(
            model,
            optimiser,
            recipe,
            self.extension,
            self.progress.totals,
            memory_format,
            run.engine.compile,
        )
        self.run_step: Recorded | Step = self.train_step
        if run.engine.compile:
            say("the first step compiles the network, which can take minutes")
        if fused and run.engine.cuda_graphs:
            self.run_step = Recorded(self.train_step, device, model.zero_grad)

    def epochs(self) -> Iterator[Epoch]:
        """Train epoch by epoch, and tell of each when it has ended.

        Raises:
            PipelineError: the loss is no longer a number.
            Interrupted: SIGTERM, SIGINT or SIGHUP came; the state is written down.
        """
        self.model.train()
        progress = self.progress
        with stop_requests() as stop, _chosen_algorithms(self.device):
            while progress.epoch < self.recipe.epochs:
                begun = time.monotonic() - progress.seconds
                for images, labels in self._rest_of_epoch():
                    self._take_step(images, labels)
                    if stop:
                        progress.seconds = time.monotonic() - begun
                        self.resume.save(progress)
                        raise Interrupted(f"stopped in {self._name()}")
                done = self._summary(begun)
                progress.end_epoch(done)
                if progress.epoch < self.recipe.epochs and self.resume.due():
                    self.resume.save(progress)
                yield done

    def _rest_of_epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        batches = self.batches.epoch(self.progress.epoch, self.progress.step)
        what = f"{self._name()}, batches"
        return track(batches, what, self.batches.steps, first=self.progress.step)

    def _take_step(self, images: Tensor, labels: Tensor) -> None:
        epoch, step, steps = self.progress.epoch, self.progress.step, self.batches.steps
        self.train_step.set_learning_rate(learning_rate(self.recipe, epoch, step, steps))
        self.extension.before_step(epoch * steps + step)
        _seed_dropout(self.device, derive_seed(self.seed, "step", epoch, step))
        self.run_step(images, labels)
        self.progress.step += 1

    def _summary(self, begun: float) -> Epoch:
        """How the epoch went that began at a time: here the device is waited for, the only time."""
        loss_sum, correct, count = self.progress.totals.tolist()
        seconds = time.monotonic() - begun
        if not math.isfinite(loss_sum):
            raise PipelineError(
                f"training diverged in {self._name()} (loss {loss_sum / count}); "
                "a lower lr or a longer warm-up may help"
            )
        steps = self.batches.steps
        epoch = self.progress.epoch
        lr = learning_rate(self.recipe, epoch, steps - 1, steps)
        return Epoch(epoch, loss_sum / count, correct / count, lr, seconds)

    def _name(self) -> str:
        return f"epoch {self.progress.epoch + 1} of {self.recipe.epochs}"


def _seed_dropout(device: torch.device, seed: int) -> None:
    """Seed the generator of one device; `torch.manual_seed` looks for all of them at each call."""
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@contextmanager
def _chosen_algorithms(device: torch.device) -> Iterator[None]:
    """Let cuDNN measure which algorithm is fastest for each shape, which stays the same here."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = before or device.type == "cuda"
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
