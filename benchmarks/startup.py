"""How much of a study's time goes into starting processes.

    python benchmarks/startup.py --artifacts artifacts

For each stage: the median time from starting Python to having the stage's module, measured here,
beside the recorded seconds of the finished jobs under `--artifacts`, which begin after Python has
started and hold the imports.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import measuring
import torch

from pipeline.cache import manifests, paths
from pipeline.cache.specs import STAGES

IMPORT = "from pipeline.running import job; job._import_quickly('pipeline.stages.{stage}', 1)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    parser.add_argument("--repeats", type=int, default=5)
    measuring.add_arguments(parser)
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for folder in manifests.folders(arguments.artifacts):
        file = folder / paths.PROVENANCE
        if file.is_file():
            stage = folder.name.partition("~")[0]
            seconds[stage].append(json.loads(file.read_text())["wall_seconds"])
    # Without the modules, what is left is Python's own start.
    commands = {"python": "pass"} | {stage: IMPORT.format(stage=stage) for stage in seconds}
    starts = measuring.interleaved(
        {
            name: lambda code=code: subprocess.run([sys.executable, "-c", code], check=True)
            for name, code in commands.items()
        },
        arguments.repeats,
        torch.device("cpu"),
    )
    stages = {
        stage: {
            "jobs": len(each),
            "median_seconds": round(statistics.median(each), 3),
            "start_seconds": round(starts[stage], 3),
        }
        for stage, each in seconds.items()
        if each
    }
    started = sum(starts[stage] * len(each) for stage, each in seconds.items())
    # Imports are part of the recorded seconds; Python's own start is not.
    total = sum(sum(each) + starts["python"] * len(each) for each in seconds.values())
    arguments.artifacts = arguments.artifacts.name
    measuring.report(
        "startup",
        arguments,
        torch.device("cpu"),
        {
            "stages": stages,
            "python_seconds": round(starts["python"], 3),
            "seconds_of_all_jobs": round(total, 1),
            "share_of_starting": round(started / total, 3),
        },
    )


if __name__ == "__main__":
    main()
