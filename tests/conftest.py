"""Small things that many tests use."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline import registry
from pipeline.datasets import Dataset, ImageSet
from pipeline.engine.optimiser import SGD, ParameterGroup

# Files that take long, the longest first: begun last, one would leave the other worker idle.
LONG = ("slurm/test_slurm.py", "workflow/test_invalidation.py", "workflow/test_faults.py",
        "workflow/test_edges.py", "workflow/test_folders.py", "workflow/test_frozen.py",
        "workflow/test_one_place.py", "running/test_loading.py", "running/test_job.py",
        "engine/test_resume.py", "test_full_size.py", "test_fuzz.py", "test_packaging.py",
        "workflow/test_conda.py")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of `LONG` files first, in its order."""
    folder = Path(__file__).parent
    ranks = {folder / name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(autouse=True)
def _one_thread_and_no_plugins() -> Iterator[None]:
    torch.set_num_threads(1)
    yield
    registry.use_plugins([])


@pytest.fixture(autouse=True)
def _signals_end_processes() -> Iterator[None]:
    """What nohup or a shell starts in the background ignores these, and so do its children."""
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    ignored = [number for number in defaults if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, defaults[number])
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    """A data set of random images whose class shows as brightness."""

    def make(train: int = 40, test: int = 20, classes: int = 4, size: int = 8) -> Dataset:
        generator = torch.Generator().manual_seed(0)

        def part(count: int, first_id: int) -> ImageSet:
            labels = torch.arange(count) % classes
            noise = torch.randint(60, (count, 3, size, size), generator=generator)
            images = noise + (labels * 190 // (classes - 1))[:, None, None, None]
            return ImageSet(images.to(torch.uint8), labels, torch.arange(count) + first_id)

        return Dataset(
            part(train, 0),
            part(test, train),
            tuple(f"class {k}" for k in range(classes)),
            mean=(0.4, 0.5, 0.6),
            std=(0.2, 0.3, 0.4),
            pad=2,
            flip=True,
        )

    return make


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """A folder of JPEG files, of several sizes, whose class shows as brightness."""

    def make(train: int = 6, val: int = 3, classes: int = 2, name: str = "pictures") -> Path:
        generator = np.random.default_rng(0)
        for part, count in (("train", train), ("val", val)):
            for label in range(classes):
                folder = tmp_path / name / part / f"class{label}"
                folder.mkdir(parents=True)
                for number in range(count):
                    shape = (40 + 8 * (number % 3), 56, 3)
                    noise = generator.integers(0, 60, shape) + label * 190 // max(1, classes - 1)
                    picture = Image.fromarray(noise.astype(np.uint8))
                    picture.save(folder / f"{number}.jpg", quality=95)
        return tmp_path / name

    return make


@pytest.fixture
def steps_taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, list[ParameterGroup]]]:
    """The learning rate and the groups of every step that any training takes."""
    taken: list[tuple[float, list[ParameterGroup]]] = []
    step = SGD.step

    def spied(self: SGD, lr: float) -> None:
        taken.append((lr, self.groups))
        step(self, lr)

    monkeypatch.setattr(SGD, "step", spied)
    return taken
