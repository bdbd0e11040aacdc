"""How fast image files become training images, beside torchvision's default pipeline.

    python benchmarks/decoding.py --images data/imagenet/train

In turn, in one thread: torchvision's way (Pillow, RandomResizedCrop, flip, ToTensor, Normalize) and
`pipeline.engine.streaming` with either decoder. Each makes a training image of each file.
Normalising is part of torchvision's way; in ours it is the device's work, so it is measured without
and, one batch at a time on the CPU, with it. The first images of all ways have the same crops and
are compared: how far they are apart, in levels of 255. Without `--images`, pictures are made up.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import measuring
import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torchvision import transforms
from torchvision.datasets.folder import IMG_EXTENSIONS, pil_loader

from pipeline.datasets import ImageFiles, StreamedDataset
from pipeline.datasets.shared.folders import IMAGENET_MEAN, IMAGENET_STD
from pipeline.engine.streaming import Decoded

SHAPES = ((500, 375), (375, 500), (500, 333), (640, 480))
BATCH = 32


def make_up(folder: Path, count: int) -> None:
    """Write pictures that compress about as photographs do: noise at several scales."""
    dice = np.random.default_rng(0)
    for number, (width, height) in zip(range(count), itertools.cycle(SHAPES), strict=False):
        picture = np.zeros((height, width, 3))
        for scale in (1, 2, 4, 8, 16, 32, 64, 128):
            small = dice.normal(0, 4 * scale**0.5, (height // scale + 2, width // scale + 2, 3))
            picture += small.repeat(scale, 0).repeat(scale, 1)[:height, :width]
        image = Image.fromarray((128 + picture).clip(0, 255).astype(np.uint8))
        image.filter(ImageFilter.GaussianBlur(0.7)).save(folder / f"{number:04}.jpg", quality=93)


def listed(folder: Path, files: list[Path], decoder: str) -> StreamedDataset:
    """The files as a data set."""
    names = np.array([str(file.relative_to(folder)).encode() for file in files])
    part = ImageFiles(
        torch.from_numpy(names.view(np.uint8).reshape(len(names), -1).copy()),
        torch.tensor([file.stat().st_size for file in files]),
        torch.zeros(len(files), dtype=torch.int64),
        torch.arange(len(files)),
    )
    return StreamedDataset(
        part, part, ("all",), IMAGENET_MEAN, IMAGENET_STD, 224, 256, root=folder, decoder=decoder
    )


def ours(data: StreamedDataset, *, normalised: bool) -> Callable[[list[int]], Tensor]:
    """A batch of training images by `pipeline.engine.streaming`."""
    decoded = Decoded(data, data.train, augment=True)

    def batch(rows: list[int]) -> Tensor:
        images = decoded.__getitems__([(row, row) for row in rows])
        assert isinstance(images, Tensor), images
        return data.normalise(images) if normalised else images

    return batch


def theirs(files: list[Path]) -> Callable[[list[int]], Tensor]:
    """A batch of training images by torchvision's default pipeline."""
    transform = transforms.Compose([
        transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(),
        transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
    ])  # fmt: skip

    def image(row: int) -> Tensor:
        torch.default_generator.manual_seed(row)
        return transform(pil_loader(str(files[row])))  # type: ignore[no-any-return]

    return lambda rows: torch.stack([image(row) for row in rows])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="a folder of image files")
    parser.add_argument("--count", type=int, default=256, help="how many files to read")
    parser.add_argument("--repeats", type=int, default=7)
    measuring.add_arguments(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made_up:
        folder = arguments.images or Path(made_up)
        if arguments.images is None:
            make_up(folder, arguments.count)
        found = sorted(each for each in folder.rglob("*") if each.suffix.lower() in IMG_EXTENSIONS)
        files = found[:: max(1, len(found) // arguments.count)][: arguments.count // BATCH * BATCH]
        ways = {"torchvision": theirs(files)} | {
            f"{decoder}{', normalised' if normalised else ''}": ours(
                listed(folder, files, decoder), normalised=normalised
            )
            for decoder in ("pillow", "simplejpeg")
            for normalised in (False, True)
        }
        batches = np.arange(len(files)).reshape(-1, BATCH).tolist()
        images = {name: way(batches[0]) for name, way in ways.items()}
        # CPU time: what else runs on the machine does not count.
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(arguments.repeats):
            for name, way in ways.items():
                begun = time.process_time()
                for rows in batches:
                    way(rows)
                times[name].append(time.process_time() - begun)
        size = statistics.mean(file.stat().st_size for file in files)
    medians = {name: statistics.median(each) for name, each in times.items()}
    base = images["torchvision"]
    scale = 255 * torch.tensor(IMAGENET_STD)[:, None, None]
    apart = {
        name: (each - base).mul(scale).abs()
        for name, each in images.items()
        if name.endswith("normalised")
    }
    arguments.threads, arguments.device = 1, "cpu"
    arguments.images = arguments.images.name if arguments.images else "made up"
    measuring.report(
        "decoding",
        arguments,
        torch.device("cpu"),
        {
            "mean_file_kilobytes": round(size / 1e3, 1),
            "images_per_cpu_second": {
                name: round(len(files) / seconds, 1) for name, seconds in medians.items()
            },
            "times_faster": {
                name: round(medians["torchvision"] / seconds, 2)
                for name, seconds in medians.items()
            },
            "levels_apart": {
                name: {"largest": round(each.max().item(), 3), "mean": round(each.mean().item(), 4)}
                for name, each in apart.items()
            },
        },
    )


if __name__ == "__main__":
    main()
