"""How long the trainings of a study would take, from measured rates.

    python benchmarks/projection.py studies/cifar100.yaml --records benchmarks/records/NAME

A training costs about three forward passes of its network for every image of every epoch. The
records of `training.py` say how many multiply-accumulate operations a second the device does of
each architecture in this way, unpruned and pruned; where a sparsity was not measured, the nearest
measured one stands for it. Inference, scoring and the start of jobs come on top: some per cent.
"""

import argparse
import json
from collections import Counter
from functools import cache
from pathlib import Path

import torch

from pipeline import paths, specs
from pipeline.models import build, size
from pipeline.plan import Plan
from pipeline.pruning import prune
from pipeline.study import Study

# Training images, classes, and pixels a side.
DATASETS = {
    "digits": (898, 10, 32),
    "cifar10": (50_000, 10, 32),
    "cifar100": (50_000, 100, 32),
    "imagenet": (1_281_167, 1000, 224),
    "imagefolder": (3_000, 10, 224),
}
PASSES = 3  # forward, and backward twice as much


@cache
def macs(
    architecture: str, options: specs.Options, classes: int, pixels: int, sparsity: float
) -> int:
    """Multiply-accumulate operations of a network for one image."""
    torch.manual_seed(0)
    model = build(architecture, classes, image_size=pixels, **dict(options))
    if sparsity:
        example = torch.zeros(1, 3, pixels, pixels)
        model, _ = prune(model, "random", sparsity, example_input=example)
    return size(model)[1]


def rates(folder: Path) -> dict[str, dict[float, float]]:
    """MACs a second of the engine, by architecture and sparsity."""
    found: dict[str, dict[float, float]] = {}
    for file in sorted(folder.glob("*.json")):
        record = json.loads(file.read_text())
        settings = record["settings"]
        architecture, sparsity = settings["architecture"], settings["sparsity"]
        classes = 100 if record["data"] == "cifar100" else 10
        options = (("width", settings["width"]),)
        work = PASSES * record["images"] * macs(architecture, options, classes, 32, sparsity)
        seconds = record["seconds_an_epoch"]["engine"]["median"]
        found.setdefault(architecture, {})[sparsity] = work / seconds
    return found


def trainings(plan: Plan) -> Counter[tuple[specs.Train, float]]:
    """Epochs of training, by the network that is trained or was pruned, and its sparsity."""
    epochs: Counter[tuple[specs.Train, float]] = Counter()
    for node in plan.nodes.values():
        match node:
            case specs.Train(init=None):
                epochs[node, 0.0] += node.recipe.epochs
            case specs.Prune(recipe=specs.Recipe() as recipe):
                epochs[paths.trained(node), 0.0] += recipe.epochs
            case specs.Finetune():
                epochs[paths.trained(node), node.model.sparsity] += node.recipe.epochs
    return epochs


def main() -> None:
    """Print the hours of each study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", type=Path, nargs="+")
    parser.add_argument("--records", type=Path, required=True)
    arguments = parser.parse_args()
    known = rates(arguments.records)
    for file in arguments.studies:
        plan = Plan.load(Study.load(file).content)
        work, seconds, count = 0, 0.0, 0
        for (network, sparsity), epochs in trainings(plan).items():
            images, classes, pixels = DATASETS[network.data.dataset]
            pixels = dict(network.data.options).get("image_size", pixels)
            each = macs(network.architecture, network.options, classes, pixels, sparsity)
            measured = known[network.architecture]
            rate = measured[min(measured, key=lambda other: abs(other - sparsity))]
            work += PASSES * epochs * images * each
            seconds += PASSES * epochs * images * each / rate
            count += epochs
        hours = round(seconds / 3600, 1)
        print(f"{file.name}: {count} epochs, {work:.3g} MACs, {hours} hours")


if __name__ == "__main__":
    main()
