"""MC dropout: all passes through the whole network, against sharing what comes before dropout.

    python benchmarks/inference.py --architecture vgg19

Both ways fold the passes of an image into one batch, in one process, in turn; the logits agree.
"""

import argparse

import measuring
import torch
from torch import Tensor

from pipeline.models import build
from pipeline.models.shared.dropout import sampling, splits_passes


def main() -> None:
    """Measure, check, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--architecture", default="resnet18", choices=("resnet18", "vgg19"))
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    measuring.add_arguments(parser)
    arguments = parser.parse_args()
    device = measuring.device(arguments)
    torch.manual_seed(0)
    model = build(arguments.architecture, 100, width=arguments.width, dropout=0.2).eval()
    assert splits_passes(model)
    model.to(device=device, memory_format=torch.channels_last)
    images = torch.randn(arguments.images, 3, 32, 32, device=device)
    images = images.to(memory_format=torch.channels_last)
    ids = torch.arange(arguments.images, device=device).repeat(arguments.samples)
    passes = torch.arange(arguments.samples, device=device).repeat_interleave(arguments.images)
    repeated = torch.cat([images] * arguments.samples)

    def logits(batch: Tensor) -> Tensor:
        with torch.inference_mode(), sampling(model, 0, ids, passes):
            return model(batch)

    difference = (logits(images) - logits(repeated)).abs().max().item()
    medians = measuring.interleaved(
        {"repeated": lambda: logits(repeated), "shared": lambda: logits(images)},
        arguments.repeats,
        device,
    )
    measuring.report(
        "inference",
        arguments,
        device,
        {
            "seconds": medians,
            "ratio": round(medians["repeated"] / medians["shared"], 3),
            "largest_difference_of_logits": difference,
        },
    )


if __name__ == "__main__":
    main()
