"""An epoch of training: the textbook loop, the same with the data on the device, and the engine.

    python benchmarks/training.py --architecture resnet18 --width 0.125
    python benchmarks/training.py --data DIR --sparsity 0.8        # CIFAR-100 lies in DIR

Each way trains its own copy of one network, an epoch in turn, in one process; the first epochs, in
which libraries and the compiler set themselves up, are told apart. Beside each round matrices are
multiplied, of float32 on a CPU and bfloat16 on a GPU: `of_matrix_rate` is the share of their
operations a second that a way reaches, where an image costs three forward passes.

    textbook     two loader workers, PIL transforms, float32, `.item()` at every step
    resident     the textbook's step on float32 batches that are on the device already
    engine       this project's loop; `--engine compile=true` and the like change its settings
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import measuring
import textbook
import torch
from torch import nn

from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset, ImageSet, cifar100, digits
from pipeline.engine import Engine, Run
from pipeline.engine.training import Training
from pipeline.models import build, size
from pipeline.pruning import prune

WAYS = ("textbook", "resident", "engine")
PRODUCTS = 5  # of matrices beside each round of epochs


def resident(
    model: nn.Module, data: Dataset, recipe: Recipe, device: torch.device
) -> Iterator[float]:
    """The textbook's training step on normalised batches on the device, without augmentation."""
    model.to(device)
    images = data.normalise(data.train.images.to(device))
    labels = data.train.labels.to(device)
    criterion = nn.CrossEntropyLoss()
    optimiser = torch.optim.SGD(
        model.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay
    )
    for _ in range(recipe.epochs):
        model.train()
        loss_sum, correct = 0.0, 0
        order = torch.randperm(len(labels), device=device)
        for index in order.split(recipe.batch_size):
            if recipe.drop_last and len(index) < recipe.batch_size:
                continue
            optimiser.zero_grad()
            logits = model(images[index])
            loss = criterion(logits, labels[index])
            loss.backward()
            optimiser.step()
            loss_sum += loss.item() * len(index)
            correct += logits.argmax(1).eq(labels[index]).sum().item()
        yield loss_sum / len(labels)


def first(data: Dataset, images: int) -> Dataset:
    """The data set with only the first training images."""
    part = data.train
    return replace(
        data, train=ImageSet(part.images[:images], part.labels[:images], part.ids[:images])
    )


def made_up(images: int) -> Dataset:
    """Random images of CIFAR-100's shape, for where the data set is not."""
    generator = torch.Generator().manual_seed(0)

    def part(count: int) -> ImageSet:
        pixels = torch.randint(256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)
        return ImageSet(pixels, torch.arange(count) % 100, torch.arange(count))

    names = tuple(str(number) for number in range(100))
    return Dataset(part(images), part(100), names, (0.5,) * 3, (0.25,) * 3, pad=4, flip=True)


def timed(
    ways: dict[str, Iterator[Any]], epochs: int, device: torch.device, product: Callable[[], object]
) -> tuple[dict[str, Any], float]:
    """Seconds of the first epoch and the median of the others, measured in turn.

    Returns:
        those of each way, and the median seconds of a product in between.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    products: list[float] = []
    for _ in range(epochs):
        for name, way in ways.items():
            times[name].append(measuring.seconds(lambda way=way: next(way), device))
        products += [measuring.seconds(product, device) for _ in range(PRODUCTS)]
    found = {
        name: {
            "first_epoch": round(each[0], 4),
            "median": round(statistics.median(each[1:]), 4),
            "minimum": round(min(each[1:]), 4),
        }
        for name, each in times.items()
    }
    return found, statistics.median(products[PRODUCTS:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--architecture", default="resnet18", choices=("resnet18", "vgg19"))
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--sparsity", type=float, default=0.0, help="pruned by l1 first")
    parser.add_argument("--data", type=Path, help="where CIFAR-100 lies; the digits without it")
    parser.add_argument("--random", type=int, help="so many random images of CIFAR-100's shape")
    parser.add_argument("--images", type=int, help="only so many training images")
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=6, help="the first is not timed")
    parser.add_argument("--engine", type=Engine.parse, default=Engine())
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    measuring.add_arguments(parser)
    arguments = parser.parse_args()
    device = measuring.device(arguments)

    if arguments.random:
        data, name = made_up(arguments.random), "random"
    elif arguments.data:
        data, name = cifar100.load(arguments.data), "cifar100"
    else:
        data, name = digits.load(), "digits"
    data = first(data, arguments.images or len(data.train))
    recipe = Recipe(
        arguments.epochs, batch_size=arguments.batch_size, lr=0.01, precision=arguments.precision
    )
    torch.manual_seed(0)
    model = build(arguments.architecture, len(data.classes), width=arguments.width)
    example = torch.zeros(1, 3, data.image_size, data.image_size)
    if arguments.sparsity:
        model, _ = prune(model, "l1", arguments.sparsity, example_input=example)
    start: dict[str, Callable[[nn.Module], Iterator[Any]]] = {
        "textbook": lambda model: textbook.epochs(model, data, recipe, device=str(device)),
        "resident": lambda model: resident(model, data, recipe, device),
        "engine": lambda model: Training(
            model, data, recipe, seed=0, run=Run(device, arguments.engine)
        ).epochs(),
    }
    ways = {way: start[way](copy.deepcopy(model)) for way in arguments.ways}
    begun = time.perf_counter()
    product, operations, kind = measuring.product(device)
    found, seconds = timed(ways, arguments.epochs, device, product)
    rate = operations / seconds
    batches = len(data.train) / recipe.batch_size
    trained = recipe.batch_size * int(batches) if recipe.drop_last else len(data.train)
    _, macs = size(model, example)
    ratios = {
        f"{name}_over_engine": round(found[name]["median"] / found["engine"]["median"], 3)
        for name in ("textbook", "resident")
        if name in found and "engine" in found
    }
    arguments.engine = str(arguments.engine)
    measuring.report(
        "training",
        arguments,
        device,
        {
            "data": name,
            "images": len(data.train),
            "timed_epochs": arguments.epochs - 1,
            "seconds_an_epoch": found,
            "ratios": ratios,
            "matrix_gflops": {kind: round(rate / 1e9, 1)},
            "of_matrix_rate": {
                name: round(6 * macs * trained / each["median"] / rate, 3)
                for name, each in found.items()
            },
            "wall_seconds": round(time.perf_counter() - begun, 1),
        },
    )


if __name__ == "__main__":
    main()
