"""What planning costs: a study's plan beside that of an empty workflow of the same shape.

    python benchmarks/planning.py > record.json

Times ``snakemake -n`` of a study of 5,000 jobs of which nothing is there, and of a generated
Snakefile with the same rules, files (logs, too) and dependencies, but no parameters and no package
behind it; then a second run of the default study, in which nothing is to do. Repetitions take
turns, so that other load of the machine falls on all. Nothing is computed: the default study's
artifacts are empty files.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from pipeline.running.plan import Plan
from pipeline.running.rules import Rules

ROOT = Path(__file__).parents[1]
PROFILE = ("--workflow-profile", str(ROOT / "profiles/default"))

LARGE: dict[str, Any] = {
    "study": "large",
    "datasets": ["digits"],
    "architectures": [
        {"name": "resnet18", "width": width / 64, "label": f"resnet18-{width}"}
        for width in range(1, 11)
    ],
    "pruners": ["random", "l1", "batchnorm", "hrank", "resrep"],
    "sparsities": [0.2, 0.4, 0.5, 0.6, 0.8],
    "uncertainties": ["msp", "mc_dropout", "ensemble"],
}

RULE = """
rule {stage}:
    input:
        lambda wildcards: INPUTS[f"{{wildcards.place}}/{stage}~{{wildcards.fingerprint}}"],
    output:
        {outputs}
    log:
        "{log}",
    message:
        "{stage} {{wildcards.place}}"
    shell:
        "true"
"""

HEAD = """
import json

with open("inputs.json") as file:
    INPUTS = json.load(file)

wildcard_constraints:
    place="[^~]+",
    fingerprint="[0-9a-f]{8}",

rule all:
    input:
        "drawn",

rule plot:
    input:
        INPUTS["plot"],
    output:
        "drawn",
    message:
        "plot"
    shell:
        "true"
"""


def write_empty(plan: Plan, folder: Path) -> Path:
    """Write the empty workflow of a plan's shape; returns its Snakefile."""
    rules = Rules(plan)
    inputs = {name: plan.files_of(spec.reads()) for name, spec in plan.nodes.items()}
    (folder / "inputs.json").write_text(json.dumps(inputs | {"plot": rules.scores}))
    written = [
        RULE.format(
            stage=stage,
            log=rules.log(stage),
            outputs="\n        ".join(f'"{file}",' for file in rules.outputs(stage)),
        )
        for stage in rules.stages
    ]
    snakefile = folder / "Snakefile"
    snakefile.write_text(HEAD + "".join(written))
    return snakefile


def write_finished(plan: Plan, folder: Path) -> None:
    """Write a study's artifacts as empty files, and that it is drawn."""
    files = [file for spec in plan.nodes.values() for file in plan.files(spec)]
    for file in (*files, *plan.report_files):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def timed(command: list[str], folder: Path, expected: str) -> dict[str, float]:
    """The wall and CPU seconds of a command, which must print what is expected."""
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.monotonic() - begun
    if done.returncode or expected not in done.stdout + done.stderr:
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_seconds": seconds, "cpu_seconds": cpu}


def measure(repetitions: int, folder: Path) -> dict[str, Any]:
    """All timings, and how many jobs were planned."""
    snakemake = [sys.executable, "-m", "snakemake", *PROFILE]
    own = [*snakemake, "--snakefile", str(ROOT / "Snakefile")]
    places = {name: folder / name for name in ("study", "empty", "second run")}
    for place in places.values():
        place.mkdir()
    (places["study"] / "large.yaml").write_text(yaml.safe_dump(LARGE))
    large = Plan.load(LARGE)
    write_empty(large, places["empty"])
    default = yaml.safe_load((ROOT / "config.yaml").read_text())
    write_finished(Plan.load(default), places["second run"])
    jobs = len(large.nodes) + 2
    default_jobs = len(Plan.load(default).nodes) + 2

    calls: dict[str, Callable[[], dict[str, float]]] = {
        "study": lambda: timed([*own, "-n", "--configfile", "large.yaml"],
                               places["study"], f" {jobs}\n"),
        "empty": lambda: timed([*snakemake, "-n"], places["empty"], f" {jobs}\n"),
        "second run": lambda: timed([*own, "--configfile", str(ROOT / "config.yaml")],
                                    places["second run"], "Nothing to be done"),
    }  # fmt: skip
    found: dict[str, list[dict[str, float]]] = {name: [] for name in calls}
    for repetition in range(repetitions):
        for name in sorted(calls, reverse=repetition % 2 == 1):
            found[name].append(calls[name]())
    times = {
        name: {
            kind: {"median": round(median(values), 2), "all": [round(each, 2) for each in values]}
            for kind in ("wall_seconds", "cpu_seconds")
            for values in [[each[kind] for each in runs]]
        }
        for name, runs in found.items()
    }
    ratio = {
        kind: round(times["study"][kind]["median"] / times["empty"][kind]["median"], 3)
        for kind in ("wall_seconds", "cpu_seconds")
    }
    return {
        "jobs": jobs,
        "stages": Counter(spec.stage for spec in large.nodes.values()),
        "default_jobs": default_jobs,
        "repetitions": repetitions,
        "study_over_empty": ratio,
        "times": times,
    }


def processor() -> str:
    """The processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if "model name" in line), "unknown")


def main() -> None:
    """Print the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record = measure(arguments.repetitions, Path(folder))
    machine = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "snakemake": version("snakemake"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),
    }
    print(json.dumps(machine | record, indent=1))


if __name__ == "__main__":
    main()
