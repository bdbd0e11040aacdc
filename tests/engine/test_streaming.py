"""Streaming: the same batches whatever the workers, torchvision's distribution, short errors."""

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import ks_2samp
from torch import Tensor
from torchvision import transforms

from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset, StreamedDataset, imagefolder
from pipeline.engine import Run
from pipeline.engine.batches import TrainingImages, evaluation_batches, training_batches
from pipeline.engine.streaming import Decoded
from pipeline.engine.training import fit
from pipeline.errors import PipelineError
from pipeline.models import build

MakeFolder = Callable[..., Path]
CPU = torch.device("cpu")
RECIPE = Recipe(2, batch_size=4, lr=0.01)

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Says how many threads there are, and so the workers: one less."""
    yield lambda number: monkeypatch.setattr(torch, "get_num_threads", lambda: number)
    for worker in multiprocessing.active_children():
        worker.terminate()
        worker.join(20)
        assert not worker.is_alive()


@pytest.fixture
def data(make_folder: MakeFolder) -> StreamedDataset:
    return imagefolder.load(make_folder(), crop_size=32)


def epoch(data: StreamedDataset, number: int, start: int = 0) -> list[tuple[Tensor, Tensor]]:
    return list(training_batches(data, RECIPE, 0, CPU).epoch(number, start))


def same(one: list[tuple[Tensor, Tensor]], other: list[tuple[Tensor, Tensor]]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for pair in zip(one, other, strict=True)
        for a, b in zip(*pair, strict=True)
    )


def test_batches_are_those_of_the_seed_and_the_epoch(
    data: StreamedDataset, threads: Callable[[int], None]
) -> None:
    batches = training_batches(data, RECIPE, 0, CPU)
    assert batches.steps == 3
    first = list(batches.epoch(0))
    images, _ = first[0]
    assert images.shape == (4, 3, 32, 32)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert sorted(torch.cat([labels for _, labels in first]).tolist()) == [0] * 6 + [1] * 6
    # The brighter class is the second.
    means = torch.cat([images.mean(dim=(1, 2, 3)) for images, _ in first])
    assert ((means > 0) == torch.cat([labels for _, labels in first]).bool()).all()
    second = list(batches.epoch(1))
    assert not same(first, second)
    assert same(second[1:], epoch(data, 1, start=1))
    assert not same(first, list(training_batches(data, RECIPE, 1, CPU).epoch(0)))
    for number in (2, 3):
        threads(number)
        with_workers = training_batches(data, RECIPE, 0, CPU)
        assert same(list(with_workers.epoch(0)), first)
        # An epoch that was left early, then the next with the same workers.
        next(iter(with_workers.epoch(0)))
        assert same(list(with_workers.epoch(1, 1)), second[1:])
        assert len(multiprocessing.active_children()) == number - 1
        del with_workers


def test_a_training_that_stopped_at_the_end_of_an_epoch_goes_on(
    data: StreamedDataset, make_dataset: Callable[..., Dataset]
) -> None:
    for each in (data, make_dataset()):
        batches = training_batches(each, RECIPE, 0, CPU)
        assert list(batches.epoch(0, batches.steps)) == []


def test_the_global_generator_is_left_alone(data: StreamedDataset) -> None:
    state = torch.get_rng_state()
    epoch(data, 0)
    assert torch.equal(torch.get_rng_state(), state)


def test_without_augmentation_images_are_those_of_evaluation(data: StreamedDataset) -> None:
    plain = Recipe(1, batch_size=12, augment=False)
    images, _ = next(iter(training_batches(data, plain, 0, CPU).epoch(0)))
    everything = torch.cat(list(evaluation_batches(data, data.train, torch.arange(12), 5, CPU)))
    order = [int((everything == image).flatten(1).all(1).nonzero()) for image in images]
    assert sorted(order) == list(range(12))


def test_evaluation_is_torchvisions(make_folder: MakeFolder) -> None:
    root = make_folder()
    data = imagefolder.load(root, crop_size=24, resize_size=30)
    theirs = transforms.Compose([
        transforms.Resize(30), transforms.CenterCrop(24), transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])  # fmt: skip
    rows = torch.tensor([4, 0, 5])
    (images,) = evaluation_batches(data, data.test, rows, 8, CPU)
    for image, row in zip(images, rows.tolist(), strict=True):
        with Image.open(root / data.test.name(row)) as picture:
            expected = theirs(picture)
        # Pillow and torch round a weighted sum differently: by one level of 255 at most.
        torch.testing.assert_close(image, expected, rtol=0, atol=1.01 / 255 / 0.224)


def gradient(root: Path) -> Path:
    """A picture whose red tells the column and whose green tells the row."""
    red, green = np.meshgrid(np.linspace(0, 255, 120), np.linspace(0, 255, 90))
    picture = Image.fromarray(np.stack([red, green, 0 * red], -1).astype(np.uint8))
    for part in ("train", "val"):
        (root / part / "one").mkdir(parents=True)
        for number in range(400 if part == "train" else 1):
            file = root / part / "one" / f"{number}.png"
            if number == 0:
                picture.save(file)
                first = file
            else:
                file.hardlink_to(first)
    return root


def traits(images: Tensor) -> dict[str, list[float]]:
    """Where each crop is, how large, how it is shaped, and whether it is flipped."""
    red, green = images[:, 0], images[:, 1]
    width, height = (red[:, :, -1] - red[:, :, 0]).mean(1), (green[:, -1] - green[:, 0]).mean(1)
    return {
        "column": red.mean(dim=(1, 2)).tolist(),
        "row": green.mean(dim=(1, 2)).tolist(),
        "area": (width.abs() * height).tolist(),
        "shape": (width.abs() / height).tolist(),
        "flipped": (width < 0).double().tolist(),
    }


def test_augmentation_has_torchvisions_distribution(tmp_path: Path) -> None:
    root = gradient(tmp_path / "pictures")
    data = imagefolder.load(root, crop_size=16)
    unscaled = torch.tensor(data.std)[:, None, None], torch.tensor(data.mean)[:, None, None]
    batches = training_batches(data, Recipe(1, batch_size=100), 0, CPU)
    ours = torch.cat([images * unscaled[0] + unscaled[1] for images, _ in batches.epoch(0)])
    theirs = transforms.Compose([
        transforms.RandomResizedCrop(16), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
    ])  # fmt: skip
    torch.manual_seed(1)
    with Image.open(root / data.train.name(0)) as picture:
        expected = torch.stack([theirs(picture) for _ in range(400)])
    for trait, values in traits(ours).items():
        found = ks_2samp(values, traits(expected)[trait], method="asymp")
        assert found.pvalue > 0.01, trait
    # Whereas crops of another kind are told apart.
    centre = transforms.Compose([transforms.RandomCrop(64), transforms.ToTensor()])
    with Image.open(root / data.train.name(0)) as picture:
        other = torch.stack([centre(picture) for _ in range(400)])
    assert ks_2samp(traits(ours)["area"], traits(other)["area"], method="asymp").pvalue < 1e-6


def vanish(file: Path) -> None:
    file.unlink()


def grow(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b" ")


def truncate(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:300] + b"\0" * (len(content) - 300))


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (vanish, "No such file or directory, but it was there when the data set was read"),
        (grow, "has changed since the data set was read: .* bytes, not .*; raise `version:`"),
        (truncate, "cannot be decoded: "),
    ],
)
def test_a_file_that_is_not_as_it_was_is_named_in_one_line(
    data: StreamedDataset,
    threads: Callable[[int], None],
    damage: Callable[[Path], None],
    message: str,
    number: int,
) -> None:
    threads(number)
    file = data.root / "train" / "class1" / "2.jpg"
    damage(file)
    with pytest.raises(PipelineError, match=f"^{file}.*{message}") as caught:
        epoch(data, 0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_file_with_other_bytes_is_named(data: StreamedDataset, part: str) -> None:
    digests = {
        name: torch.tensor(
            [list(hashlib.sha256((data.root / files.name(row)).read_bytes()).digest())
             for row in range(len(files))],
            dtype=torch.uint8,
        )
        for name, files in (("train", data.train), ("test", data.test))
    }  # fmt: skip
    data = replace(
        data,
        train=replace(data.train, digests=digests["train"]),
        test=replace(data.test, digests=digests["test"]),
    )
    files = getattr(data, part)
    images = Decoded(data, files, augment=False)
    images.image(1, 0)
    file = data.root / files.name(1)
    content = bytearray(file.read_bytes())
    content[-10] ^= 1
    file.write_bytes(content)
    key = {"train": "version", "test": "test_version"}[part]
    message = f"^{file} has changed since .*: as many bytes, but others; raise `{key}:`"
    with pytest.raises(PipelineError, match=message):
        images.image(1, 0)


def test_nothing_is_mirrored_or_cut_off_unless_wanted(make_folder: MakeFolder) -> None:
    data = imagefolder.load(make_folder(), crop_size=32, flip=False, scale=(1.0, 1.0))
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, :16] = 255
    file = data.root / data.train.name(0)
    Image.fromarray(picture).save(file.with_suffix(".png"))
    file.with_suffix(".png").rename(file)
    data.train.sizes[0] = file.stat().st_size
    images = Decoded(data, data.train, augment=True)
    for seed in range(20):
        # A random shape of the whole area fits only where it is the whole picture, or nearly.
        image = images.image(0, seed)
        assert image[:, :, 2].min() == 255
        assert image[:, :, -3:].max() == 0
    mirrored = Decoded(replace(data, flip=True), data.train, augment=True)
    assert {int(mirrored.image(0, seed)[0, 0, 0]) for seed in range(20)} == {0, 255}


def test_a_worker_that_is_killed_ends_in_one_line(
    data: StreamedDataset, threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads(2)
    monkeypatch.setattr(Decoded, "image", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(PipelineError, match=r"^reading images: DataLoader worker") as caught:
        epoch(data, 0)
    assert "\n" not in str(caught.value)


def test_only_the_images_that_are_asked_for_are_read(data: StreamedDataset) -> None:
    images = TrainingImages(data, 10, 3, CPU)
    assert len(images) == 10
    for row in images.rows[4:].tolist():
        (data.root / data.train.name(row)).unlink()
    some = images[:4]
    assert some.shape == (4, 3, 32, 32)
    assert torch.equal(images[1:3], some[1:3])
    with pytest.raises(PipelineError, match="No such file"):
        images[:5]


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return build("resnet18", 2, width=1 / 32)


INTERRUPTED = """
import sys, torch
from pathlib import Path
from pipeline.datasets import imagefolder
from pipeline.errors import Interrupted
from pipeline.models import build
from pipeline.cache.specs import Recipe
from pipeline.engine import Run
from pipeline.engine.training import fit

torch.set_num_threads(2)
torch.manual_seed(0)
model = build("resnet18", 2, width=1 / 32)
data = imagefolder.load(Path(sys.argv[1]), crop_size=32)
print("ready", flush=True)
try:
    run = Run(folder=Path(sys.argv[2]))
    fit(model, data, Recipe(10**6, batch_size=4, lr=0.01), seed=0, run=run)
except Interrupted as error:
    print(error)
    sys.exit(75)
"""


def test_a_training_with_workers_ends_in_order_when_all_get_sigterm(
    data: StreamedDataset, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(data.root), str(tmp_path / "resume")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    while "epoch 2" not in (line := process.stdout.readline()):
        assert line, process.communicate()[1]
    os.killpg(process.pid, signal.SIGTERM)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 75, error
    assert "stopped in epoch" in out
    assert error == ""
    assert (tmp_path / "resume" / "resume.safetensors").is_file()
    deadline = time.monotonic() + 30
    while group_is_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not group_is_alive(process.pid)


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_training_goes_on_with_the_same_bits(
    data: StreamedDataset, tmp_path: Path, threads: Callable[[int], None]
) -> None:
    whole = network()
    fit(whole, data, RECIPE, seed=0)

    broken = network()
    steps = 0

    def stop(*_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 5:  # in the second epoch
            os.kill(os.getpid(), signal.SIGTERM)

    handle = broken.register_forward_hook(stop)
    threads(2)
    with pytest.raises(Exception, match="stopped in epoch 2 of 2"):
        fit(broken, data, RECIPE, seed=0, run=Run(folder=tmp_path / "resume"))
    handle.remove()
    threads(1)
    again = network()
    fit(again, data, RECIPE, seed=0, run=Run(folder=tmp_path / "resume"))
    for (name, tensor), other in zip(
        whole.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(tensor, other), name
