"""How long the trainings of a study would take, from measured rates, and what it stores.

    python benchmarks/projection.py studies/cifar100.yaml --records benchmarks/records/NAME

A training costs about three forward passes of its network for every image of every epoch. The
records of `training.py` say how many multiply-accumulate operations a second the device does of
each architecture in this way, unpruned and pruned; where a sparsity was not measured, the nearest
measured one stands for it. Inference, scoring and the start of jobs add a few per cent.
"""

import argparse
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch

from pipeline.cache import specs
from pipeline.models import build, size
from pipeline.pruning import prune
from pipeline.running.plan import Plan
from pipeline.study import Study

# Training images, test images, classes, and pixels a side.
DATASETS = {
    "digits": (898, 899, 10, 32),
    "cifar10": (50_000, 10_000, 10, 32),
    "cifar100": (50_000, 10_000, 100, 32),
    "imagenet": (1_281_167, 50_000, 1000, 224),
    "imagefolder": (9_469, 3_925, 10, 224),
}
PASSES = 3  # forward, and backward twice as much


@cache
def cost(
    architecture: str, options: specs.Options, classes: int, pixels: int, sparsity: float
) -> tuple[int, int]:
    """A network's parameters, and its multiply-accumulate operations for one image."""
    torch.manual_seed(0)
    model = build(architecture, classes, image_size=pixels, **dict(options))
    if sparsity:
        example = torch.zeros(1, 3, pixels, pixels)
        model, _ = prune(model, "random", sparsity, example_input=example)
    return size(model)


def cost_of(model: specs.Train | specs.Prune | specs.Finetune) -> tuple[int, int]:
    """The same of a network of a study."""
    trained = model.trained
    pruned = model.model if isinstance(model, specs.Finetune) else model
    sparsity = pruned.sparsity if isinstance(pruned, specs.Prune) else 0.0
    _, _, classes, pixels = DATASETS[trained.data.dataset]
    pixels = dict(trained.data.options).get("image_size", pixels)
    return cost(trained.architecture, trained.options, classes, pixels, sparsity)


def rates(folder: Path) -> dict[str, dict[float, float]]:
    """MACs a second of the engine, by architecture and sparsity."""
    found: dict[str, dict[float, float]] = {}
    for file in sorted(folder.glob("*.json")):
        record = json.loads(file.read_text())
        settings = record["settings"]
        architecture, sparsity = settings["architecture"], settings["sparsity"]
        classes = 100 if record["data"] == "cifar100" else 10
        options = (("width", settings["width"]),)
        _, macs = cost(architecture, options, classes, 32, sparsity)
        work = PASSES * record["images"] * macs
        seconds = record["seconds_an_epoch"]["engine"]["median"]
        found.setdefault(architecture, {})[sparsity] = work / seconds
    return found


def trainings(plan: Plan) -> Iterator[tuple[specs.Train | specs.Finetune, int]]:
    """Each network that is trained, and for how many epochs; ResRep trains the unpruned one."""
    for node in plan.nodes.values():
        match node:
            case specs.Train(init=None):
                yield node, node.recipe.epochs
            case specs.Prune(recipe=specs.Recipe() as recipe):
                yield node.trained, recipe.epochs
            case specs.Finetune():
                yield node, node.recipe.epochs


def stored(plan: Plan) -> int:
    """Bytes of all checkpoints and predictions; data sets and scores are small beside them."""
    total = 0
    for node in plan.nodes.values():
        match node:
            case specs.Train() | specs.Prune() | specs.Finetune():
                total += 4 * cost_of(node)[0]
            case specs.Infer():
                _, images, classes, _ = DATASETS[node.model.trained.data.dataset]
                each = 2 if node.precision == "float16" else 4
                total += node.samples * images * classes * each
    return total


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
        for network, epochs in trainings(plan):
            trained = network.trained
            sparsity = network.model.sparsity if isinstance(network, specs.Finetune) else 0.0
            images, *_ = DATASETS[trained.data.dataset]
            measured = known[trained.architecture]
            rate = measured[min(measured, key=lambda other: abs(other - sparsity))]
            each = PASSES * epochs * images * cost_of(network)[1]
            work, seconds, count = work + each, seconds + each / rate, count + epochs
        print(
            f"{file.name}: {len(plan.nodes) + 1} jobs, {count} epochs, {work:.3g} MACs, "
            f"{seconds / 3600:.3g} hours, {stored(plan) / 1e9:.3g} GB"
        )


if __name__ == "__main__":
    main()
