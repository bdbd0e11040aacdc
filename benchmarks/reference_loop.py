"""Whether the engine trains as the textbook loop does: both train the same networks.

    python benchmarks/reference_loop.py --data DIR --out results/reference-loop

A narrow CIFAR ResNet18 is trained on some classes of CIFAR-100 from several seeds, each seed once
by :func:`pipeline.engine.training.fit` and once by the loop of `textbook.py`. The two trainings
of a seed begin at the same weights; their order of images and their augmentation are drawn
differently, so what they arrive at differs as two seeds do. `runs.csv` holds every training,
`comparison.csv` for each metric the difference of the means over the seeds with Welch's 95 %
interval, and
`settings.json` what was run. Seeds that are in `runs.csv` are not trained again.
"""

import argparse
import csv
import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import textbook
import torch
import torchvision
from scipy import stats
from torch import Tensor

from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset, ImageSet, cifar100
from pipeline.engine.inference import predict
from pipeline.engine.training import fit
from pipeline.metrics.scoring import score
from pipeline.models import build

METRICS = ("accuracy", "nll", "ause", "ece", "training_loss")
LOOPS = ("engine", "textbook")


def subset(data: Dataset, classes: int) -> Dataset:
    """The images of the first classes, in the order of the data set."""

    def part(images: ImageSet) -> ImageSet:
        of_these = images.labels < classes
        return ImageSet(images.images[of_these], images.labels[of_these], images.ids[of_these])

    return Dataset(
        part(data.train), part(data.test), data.classes[:classes], data.mean, data.std, data.pad,
        data.flip, data.source,
    )  # fmt: skip


def trainings(
    data: Dataset, recipe: Recipe, seed: int, width: float, device: str
) -> Iterator[tuple[str, float, Tensor]]:
    """Each loop's name, mean loss of its last epoch and logits [N, C] of the test set."""
    torch.manual_seed(seed)
    initial = build("resnet18", len(data.classes), width=width).state_dict()
    for loop in LOOPS:
        model = build("resnet18", len(data.classes), width=width)
        model.load_state_dict(initial)
        # Of the engine, the seed decides all; the textbook's order comes from this generator.
        torch.manual_seed(1_000 + seed)
        if loop == "engine":
            loss = fit(model, data, recipe, seed=seed, device=device)[-1].loss
            yield loop, loss, predict(model, data, device=device)[0]
        else:
            for epoch, loss in enumerate(
                textbook.epochs(model, data, recipe, device=device, workers=0), 1
            ):
                print(f"epoch {epoch}/{recipe.epochs}: loss {loss:.4f}", flush=True)
            yield loop, loss, textbook.logits(model, data, device=device)


def measure(logits: Tensor, labels: Tensor, loss: float) -> dict[str, float]:
    """The metrics of one network, of its maximum softmax probability."""
    content, _ = score(logits[None].numpy(), labels.numpy(), method="msp", options={}, bootstrap=0)
    numbers = content["definitions"]["msp"]
    found = {metric: numbers[metric]["value"] for metric in METRICS if metric in numbers}
    return found | {"training_loss": loss}


def compare(runs: pd.DataFrame) -> pd.DataFrame:
    """For each metric, both loops' means and Welch's interval of their difference."""
    rows = []
    for metric in METRICS:
        engine, reference = (runs.loc[runs["loop"] == loop, metric].to_numpy() for loop in LOOPS)
        test = stats.ttest_ind(engine, reference, equal_var=False)
        low, high = test.confidence_interval(0.95)
        rows.append(
            {"metric": metric, "engine": engine.mean(), "engine_sd": engine.std(ddof=1)}
            | {"textbook": reference.mean(), "textbook_sd": reference.std(ddof=1)}
            | {"difference": engine.mean() - reference.mean()}
            | {"standard_error": np.hypot(stats.sem(engine), stats.sem(reference))}
            | {"low": low, "high": high, "p": test.pvalue, "agree": bool(low <= 0 <= high)}
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Train what is missing, then compare."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    data = subset(cifar100.load(arguments.data), arguments.classes)
    recipe = Recipe(epochs=arguments.epochs, precision=arguments.precision)
    settings = {
        "architecture": f"resnet18, width {arguments.width:g}",
        "classes": arguments.classes,
        "training_images": len(data.train),
        "test_images": len(data.test),
        "recipe": vars(recipe),
        "device": arguments.device,
        "threads": arguments.threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }
    check_settings(arguments.out / "settings.json", settings)
    done = arguments.out / "runs.csv"
    runs = pd.read_csv(done) if done.exists() else pd.DataFrame(columns=["seed", "loop", *METRICS])
    for seed in set(range(arguments.seeds)) - set(runs["seed"]):
        rows: list[dict[str, Any]] = []
        for loop, loss, logits in trainings(data, recipe, seed, arguments.width, arguments.device):
            rows.append({"seed": seed, "loop": loop} | measure(logits, data.test.labels, loss))
            print(rows[-1], flush=True)
        write(done, [*runs.to_dict("records"), *rows])
        runs = pd.read_csv(done)
    if arguments.seeds > 1:
        comparison = compare(runs)
        comparison.to_csv(arguments.out / "comparison.csv", index=False, float_format="%.5g")
        print(comparison.round(4).to_string(index=False))


def check_settings(path: Path, settings: dict[str, Any]) -> None:
    """Write down the settings; what is there already must have been made with the same."""
    text = json.dumps(settings, indent=2) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        sys.exit(f"{path.parent} holds trainings of other settings; give another --out")
    path.write_text(text, encoding="utf-8")


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the trainings as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds CIFAR-100")
    parser.add_argument("--out", type=Path, required=True, help="where to write the results")
    parser.add_argument("--classes", type=int, default=20, help="the first so many of the 100")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto", help="of the engine, as in a study")
    return parser.parse_args()


if __name__ == "__main__":
    main()
