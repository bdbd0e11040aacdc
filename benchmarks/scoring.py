"""What it takes to score an ImageNet-size test set, and AUSE by one sort against a loop.

    python benchmarks/scoring.py

The first part scores files of predictions with every metric of every definition of uncertainty, as
the stage does, in a process of its own: its time and its peak memory. The second part computes the
AUSE of as many images by `pipeline.metrics` and by the loop of the metric's source (Poggi et al.,
On the Uncertainty of Self-Supervised Monocular Depth Estimation, CVPR 2020): a percentile for each
step, and the mean error of predictions and labels below it.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import measuring
import numpy as np
import torch

from pipeline.cache import payloads
from pipeline.metrics import sparsification_areas
from pipeline.metrics.ranking import Floats, Ints, Ranking

SCORE = """
import json, resource, sys, time
from pathlib import Path
begun = time.perf_counter()
from pipeline.cache import payloads
from pipeline.metrics.scoring import score
members = [payloads.load_predictions(Path(file)) for file in sys.argv[2:]]
content, _ = score([member.logits for member in members], members[0].labels, method="ensemble",
                   options={}, bootstrap=int(sys.argv[1]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
accuracy = content["definitions"]["logit_variance"]["accuracy"]["value"]
print(json.dumps([time.perf_counter() - begun, time.process_time(), peak / 2**20, accuracy]))
"""
STEPS = 50


def write_member(path: Path, images: int, classes: int, precision: str, seed: int) -> None:
    """Write logits of a network that is right about two times of three."""
    dice = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    with payloads.writing_predictions(
        path, labels, np.arange(images), samples=1, classes=classes, precision=precision
    ) as append:
        for rows in np.array_split(np.arange(images), max(1, images // 1000)):
            logits = dice.normal(0, 2, (1, len(rows), classes)).astype(np.float32)
            logits[0, np.arange(len(rows)), labels[rows]] += dice.normal(6.5, 3, len(rows))
            append(logits)


def by_sorting(u: Floats, true: Floats, prediction: Ints, labels: Ints) -> float:
    """AUSE of uncertainties, with the oracle's."""
    wrong = prediction != labels
    curves = (Ranking(each, wrong).retained().curve(steps=STEPS) for each in (u, true))
    return sparsification_areas(*curves)["ause"].item()


def by_percentiles(u: Floats, true: Floats, prediction: Ints, labels: Ints) -> float:
    """The same by a percentile a step."""
    areas = []
    for each in (u, true):
        kept = [each <= np.percentile(each, 100 * (1 - k / STEPS)) for k in range(STEPS)]
        errors = [(prediction[part] != labels[part]).mean() for part in kept]
        areas.append(np.trapezoid([*errors, 0.0], dx=1 / STEPS))
    return float(areas[0] - areas[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--precision", default="float32", choices=["float16", "float32"])
    parser.add_argument("--bootstrap", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=5)
    measuring.add_arguments(parser)
    arguments = parser.parse_args()
    cpu = torch.device("cpu")

    found = []
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.safetensors") for number in range(arguments.members)]
        for seed, file in enumerate(files):
            write_member(file, arguments.images, arguments.classes, arguments.precision, seed)
        command = [sys.executable, "-c", SCORE, str(arguments.bootstrap), *map(str, files)]
        for _ in range(arguments.repeats):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
    seconds, cpu_seconds, gibibytes, accuracy = (
        statistics.median(each) for each in zip(*found, strict=True)
    )

    dice = np.random.default_rng(0)
    labels = dice.integers(arguments.classes, size=arguments.images)
    wrong = dice.random(arguments.images) < 0.3
    u, true = (dice.random(arguments.images) + weight * wrong for weight in (0.3, 2.0))
    data = (u, true, (labels + wrong) % arguments.classes, labels)
    ways = {"one_sort": by_sorting, "percentile_loop": by_percentiles}
    times = measuring.interleaved(
        {name: lambda way=way: way(*data) for name, way in ways.items()},
        4 * arguments.repeats,
        cpu,
    )
    arguments.device = "cpu"
    measuring.report(
        "scoring",
        arguments,
        cpu,
        {
            "scoring": {
                "seconds": round(seconds, 2),
                "slowest_seconds": round(max(each[0] for each in found), 2),
                "cpu_seconds": round(cpu_seconds, 2),
                "peak_memory_gib": round(gibibytes, 3),
                "accuracy": round(accuracy, 4),
            },
            "ause": {
                "milliseconds": {name: round(1e3 * each, 3) for name, each in times.items()},
                "times_faster": round(times["percentile_loop"] / times["one_sort"], 1),
                "values": {name: round(way(*data), 6) for name, way in ways.items()},
            },
        },
    )


if __name__ == "__main__":
    main()
