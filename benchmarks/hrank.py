"""HRank's ranks: all maps of a batch at once against a loop with one `.item()` a map.

    python benchmarks/hrank.py --images 16 --repeats 5

Runs a ResNet18 (CIFAR form) on random images in one process, the two ways in turn, and says which
share of the ranks is the same: on a CPU all, on a GPU the two ways take other algorithms.
"""

import argparse
from collections.abc import Callable

import measuring
import torch
from torch import Tensor

from pipeline.cutting.feature_maps import find_feature_maps
from pipeline.models import build
from pipeline.pruning.hrank import Ranks, matrix_ranks


def plain_loop(maps: Tensor) -> Tensor:
    """The ranks [B, C] of maps [B, C, h, w], one by one."""
    ranks = [[torch.linalg.matrix_rank(channel).item() for channel in image] for image in maps]
    return torch.tensor(ranks)


class Maps(Ranks):
    """Keeps the feature maps instead of summing their ranks."""

    def run_node(self, n: torch.fx.Node) -> object:
        """Compute a node and keep it if it is a feature map."""
        value = torch.fx.Interpreter.run_node(self, n)
        for place in self.shown.get(n, []):
            self.sums[place] = value.clone()
        return value


def main() -> None:
    """Measure, check, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    measuring.add_arguments(parser)
    arguments = parser.parse_args()
    device = measuring.device(arguments)
    torch.manual_seed(0)
    model = (
        build("resnet18", 100, width=arguments.width, image_size=arguments.size).eval().to(device)
    )
    found = Maps(model, find_feature_maps(model))
    with torch.no_grad():
        found.run(torch.randn(arguments.images, 3, arguments.size, arguments.size, device=device))
    by_size: dict[str, list[Tensor]] = {}
    for maps in found.sums.values():
        by_size.setdefault(f"{maps.shape[-1]}x{maps.shape[-2]}", []).append(maps)

    def ways(maps: list[Tensor]) -> dict[str, Callable[[], object]]:
        return {
            "loop": lambda: [plain_loop(each) for each in maps],
            "batched": lambda: [matrix_ranks(each) for each in maps],
        }

    ranks = [(plain_loop(maps), matrix_ranks(maps).cpu()) for maps in found.sums.values()]
    equal = torch.cat([(one == all_at_once).flatten() for one, all_at_once in ranks])
    results = {}
    for size, maps in [*by_size.items(), ("all", list(found.sums.values()))]:
        medians = measuring.interleaved(ways(maps), arguments.repeats, device)
        results[size] = {
            "maps": sum(each.shape[0] * each.shape[1] for each in maps),
            "seconds": medians,
            "ratio": medians["loop"] / medians["batched"],
        }
    measuring.report(
        "hrank",
        arguments,
        device,
        {"ranks_equal": equal.float().mean().item(), "by_map_size": results},
    )


if __name__ == "__main__":
    main()
