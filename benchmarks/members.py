"""An epoch of all members of an ensemble on one device, by several ways.

    python benchmarks/members.py --members 5 --width 0.125

Each way trains its own members, an epoch of all of them in turn:

    textbook     the textbook loop, one member after another
    engine       this project's loop, one member after another
    processes    this project's loop, each member in a process of its own, all at once
    stacked      one step for all members: `torch.func.vmap` over stacked parameters
"""

import argparse
import multiprocessing
import statistics
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import measuring
import textbook
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F
from training import first, made_up

from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset, cifar100, digits
from pipeline.engine import Run, computes_in_bfloat16
from pipeline.engine.batches import Batches
from pipeline.engine.training import Training
from pipeline.models import build

WAYS = ("textbook", "engine", "processes", "stacked")
LONGEST = 3600  # seconds; a member that is killed keeps the others waiting for so long


def load(arguments: argparse.Namespace) -> Dataset:
    """The data set to train on."""
    if arguments.random:
        data = made_up(arguments.random)
    else:
        data = cifar100.load(arguments.data) if arguments.data else digits.load()
    return first(data, arguments.images or len(data.train))


def member(arguments: argparse.Namespace, data: Dataset, number: int) -> nn.Module:
    """A member with weights of its own."""
    torch.manual_seed(number)
    return build(arguments.architecture, len(data.classes), width=arguments.width)


def stacked(
    models: list[nn.Module], data: Dataset, recipe: Recipe, device: torch.device
) -> Iterator[None]:
    """Train all members in one step: the gradients of a sum of losses, one a member."""
    for model in models:
        model.to(device).train()
    parameters, buffers = stack_module_state(models)  # type: ignore[arg-type]
    template = models[0].to("meta")
    momentum = {name: torch.zeros_like(value) for name, value in parameters.items()}

    def loss(
        weights: dict[str, Tensor], state: dict[str, Tensor], images: Tensor, labels: Tensor
    ) -> Tensor:
        logits = functional_call(template, (weights, state), (images,))
        return F.cross_entropy(logits.float(), labels)

    gradients = vmap(grad(loss))
    batches = [Batches(data, recipe, seed, device) for seed in range(len(models))]
    half = computes_in_bfloat16(recipe.precision, device)
    for epoch in range(recipe.epochs):
        for each in zip(*(one.epoch(epoch) for one in batches), strict=True):
            images, labels = (torch.stack(parts) for parts in zip(*each, strict=True))
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                found = gradients(parameters, buffers, images, labels)
            with torch.no_grad():
                for name, weight in parameters.items():
                    change = found[name].add_(weight, alpha=recipe.weight_decay)
                    momentum[name].mul_(recipe.momentum).add_(change)
                    weight.add_(momentum[name], alpha=-recipe.lr)
        yield


def _train_apart(arguments: argparse.Namespace, number: int, barrier: Barrier) -> None:
    """One member in a process of its own, without which nobody waits at the barrier."""
    try:
        _train(arguments, number, barrier)
    except BaseException:
        barrier.abort()
        raise


def _train(arguments: argparse.Namespace, number: int, barrier: Barrier) -> None:
    """Train one member; every epoch begins and ends at the barrier."""
    device = measuring.device(arguments)
    data = load(arguments)
    network, run = member(arguments, data, number), Run(device)
    training = Training(network, data, recipe_of(arguments), seed=number, run=run)
    epochs = training.epochs()
    for _ in range(arguments.epochs):
        barrier.wait()
        next(epochs)
        if device.type == "cuda":
            torch.cuda.synchronize()
        barrier.wait()


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """What every way trains by."""
    return Recipe(arguments.epochs, arguments.batch_size, lr=0.01, drop_last=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--architecture", default="resnet18", choices=("resnet18", "vgg19"))
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--data", type=Path, help="where CIFAR-100 lies; the digits without it")
    parser.add_argument("--random", type=int, help="so many random images of CIFAR-100's shape")
    parser.add_argument("--images", type=int, help="only so many training images")
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=6, help="the first is not timed")
    measuring.add_arguments(parser)
    arguments = parser.parse_args()
    device = measuring.device(arguments)
    data, recipe, numbers = load(arguments), recipe_of(arguments), range(arguments.members)

    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(arguments.members + 1, timeout=LONGEST)
    processes = [
        context.Process(target=_train_apart, args=(arguments, number, barrier), daemon=True)
        for number in numbers
    ]
    if "processes" in arguments.ways:
        for process in processes:
            process.start()

    def one_by_one(make: Callable[[nn.Module, int], Iterator[Any]]) -> Callable[[], object]:
        ways = [make(member(arguments, data, number), number) for number in numbers]
        return lambda: [next(way) for way in ways]

    def at_once() -> None:
        barrier.wait()
        barrier.wait()

    together = stacked([member(arguments, data, n) for n in numbers], data, recipe, device)
    ways: dict[str, Callable[[], object]] = {
        "textbook": one_by_one(
            lambda model, _: textbook.epochs(model, data, recipe, device=str(device))
        ),
        "engine": one_by_one(
            lambda model, n: Training(model, data, recipe, seed=n, run=Run(device)).epochs()
        ),
        "processes": at_once,
        "stacked": lambda: next(together),
    }
    ways = {name: ways[name] for name in arguments.ways}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.epochs):
        for name, way in ways.items():
            times[name].append(measuring.seconds(way, device))
    medians = {name: round(statistics.median(each[1:]), 4) for name, each in times.items()}
    measuring.report(
        "members",
        arguments,
        device,
        {
            "images": len(data.train),
            "timed_epochs": arguments.epochs - 1,
            "seconds_an_epoch_of_all": medians,
            "textbook_over": {
                name: round(medians["textbook"] / seconds, 3)
                for name, seconds in medians.items()
                if "textbook" in medians
            },
        },
    )


if __name__ == "__main__":
    main()
