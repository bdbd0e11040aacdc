"""A training step in both memory layouts, and how near it comes to the processor's own rate.

    python benchmarks/layouts.py --threads 1 --widths 0.125 0.25 --record layouts.json

For each network, width and sparsity (pruned by l1) copies of one network take steps in turn, the
channels innermost and the channels first, in one process; between them, square float32 matrices are
multiplied, which is the rate that a step is held against. A step counts as three times the
multiply-accumulates of a forward pass, two operations each.
"""

import argparse
import copy
import statistics
from collections.abc import Callable
from typing import Any

import measuring
import torch
from torch import Tensor, nn

from pipeline.engine import Engine, breaks_channels_last
from pipeline.models import build
from pipeline.models.shared.counting import count_ops_and_params
from pipeline.pruning import prune

LAYOUTS = {"last": torch.channels_last, "first": torch.contiguous_format}


def step(
    model: nn.Module, layout: torch.memory_format, images: Tensor, labels: Tensor
) -> Callable[[], None]:
    """A step of training a copy of a network in a layout."""
    model = copy.deepcopy(model).train().to(memory_format=layout)  # type: ignore[call-overload]
    images = images.to(memory_format=layout)
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)

    def take() -> None:
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimiser.step()

    return take


def share_of_backward(take: Callable[[], None]) -> float:
    """The share of a step's time that goes into the gradients of convolutions."""
    with torch.autograd.profiler.profile(use_kineto=False) as found:
        for _ in range(3):
            take()
    own = {each.key: each.self_cpu_time_total for each in found.key_averages()}
    return own.get("aten::convolution_backward", 0.0) / sum(own.values())


def measured(
    architecture: str, width: float, sparsity: float, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Milliseconds a step in both layouts, their ratio, and shares of the matrix rate."""
    torch.manual_seed(0)
    size = arguments.image_size
    model = build(architecture, 100, width=width, image_size=size)
    example = torch.zeros(1, 3, size, size)
    if sparsity:
        model, _ = prune(model, "l1", sparsity, example_input=example)
    operations, _ = count_ops_and_params(model, example)
    images = torch.randn(arguments.batch_size, 3, size, size)
    labels = torch.arange(arguments.batch_size) % 100
    product, of_product, _ = measuring.product(torch.device("cpu"))
    steps = {
        name: step(model, layout, images, labels)
        for name, layout in LAYOUTS.items()
        if name == "first" or not any(map(breaks_channels_last, model.modules()))
    }
    seconds = measuring.interleaved(
        steps | {"product": product}, arguments.repeats, torch.device("cpu")
    )
    rate = of_product / seconds["product"]
    work = 6 * float(operations) * arguments.batch_size
    placed = Engine().place(copy.deepcopy(model), torch.device("cpu"))
    chosen = "last" if placed is torch.channels_last else "first"
    return {
        "architecture": architecture,
        "width": width,
        "sparsity": sparsity,
        "ms": {name: round(1000 * seconds[name], 2) for name in steps},
        "chosen": chosen,
        "chosen_over_best": round(seconds[chosen] / min(seconds[n] for n in steps), 3),
        "matrix_gflops": round(rate / 1e9, 1),
        "of_matrix_rate": {name: round(work / seconds[name] / rate, 3) for name in steps},
        "convolution_backward": round(share_of_backward(steps[chosen]), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--architectures", nargs="+", default=["resnet18", "vgg19"])
    parser.add_argument("--widths", nargs="+", type=float, default=[0.125, 0.25])
    parser.add_argument("--sparsities", nargs="+", type=float, default=[0, 0.2, 0.4, 0.6, 0.8])
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=15)
    measuring.add_arguments(parser)
    arguments = parser.parse_args()
    measuring.device(arguments)
    rows = [
        measured(architecture, width, sparsity, arguments)
        for architecture in arguments.architectures
        for width in arguments.widths
        for sparsity in arguments.sparsities
    ]
    lost = statistics.mean(row["chosen_over_best"] for row in rows)
    measuring.report(
        "layouts",
        arguments,
        torch.device("cpu"),
        {"networks": rows, "mean_of_chosen_over_best": round(lost, 3)},
    )


if __name__ == "__main__":
    main()
