"""How planning, the commands and the drawing grow with the number of jobs.

    python benchmarks/scaling.py --jobs 1000 5000 20000 --record record.json --figure scaling.svg

Studies of about so many jobs are planned while nothing of them is there, then while all is there.
Nothing is computed: payloads hold a few bytes, and every score is the same one. Each measurement is
a process, whose CPU seconds and largest memory count: a busy machine distorts wall-clock time.

    plan       the package's part of planning: reading the study, all specs, fingerprints, rules
    snakemake  `snakemake -n`, of which that is a part
    status, verify, gc
    drawing    tables, figures and the page, once from all scores; then how large these are
    opening    the page, in Debian's chromium: seconds until all of it is there and painted

The drawing of 100,000 jobs takes longer than all else together: `--drawn 20000` leaves it out for
studies of more jobs than that.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from planning import LARGE, PROFILE, ROOT, processor
from playwright.sync_api import sync_playwright

from pipeline.cache import files, paths
from pipeline.cache.specs import Score
from pipeline.metrics.scoring import score
from pipeline.running.plan import Plan

CHROMIUM = Path("/usr/bin/chromium")
# Jobs of one network of the study: widths are its copies.
JOBS_OF_ONE = 510
OWN_PLAN = """
import json, sys
from pathlib import Path
import yaml
from pipeline.running.plan import Plan
from pipeline.running.rules import Rules
rules = Rules(Plan.load(yaml.safe_load(Path("study.yaml").read_text())))
for stage in rules.stages:
    rules.outputs(stage)
for spec in rules.plan.nodes.values():
    rules.plan.files_of(rules.plan.inputs(spec))
rules.plan.missing()
"""


def study(jobs: int) -> dict[str, Any]:
    """A study of about so many jobs."""
    networks = max(1, round(jobs / JOBS_OF_ONE))
    return LARGE | {
        "architectures": [
            {"name": "resnet18", "width": number / 1024, "label": f"resnet18-{number}"}
            for number in range(1, networks + 1)
        ],
        "score": {"bootstrap": 20},
    }


def write_artifacts(plan: Plan) -> None:
    """Write every artifact of a plan: manifests that are right, and payloads of a few bytes."""
    labels = np.arange(60) % 3
    logits = np.random.default_rng(0).normal(size=(2, 60, 3)) + 2 * np.eye(3)[labels]
    contents = {}
    for method in ("msp", "mc_dropout", "ensemble"):
        given = logits[:1] if method == "msp" else logits
        content, curves = score(given, labels, method=method, options={}, bootstrap=20)
        content = {"models": [{"parameters": 10, "macs": 20}], **content}
        with tempfile.NamedTemporaryFile() as file:
            np.savez_compressed(file, **curves)  # type: ignore[arg-type]
            contents[method] = (json.dumps(content).encode(), Path(file.name).read_bytes())
    digests: dict[str, dict[str, str]] = {}
    for name, spec in plan.nodes.items():
        folder = plan.artifacts / name
        folder.mkdir(parents=True)
        written = contents[spec.uncertainty] if isinstance(spec, Score) else ()
        for number, file in enumerate(spec.payload):
            (folder / file).write_bytes(written[number] if written else name.encode())
        digests[name] = {file: files.sha256(folder / file) for file in spec.payload}
        parents = {
            paths.folder(parent): digests[paths.folder(parent)][parent.payload[0]]
            for parent in spec.reads()
        }
        manifest = {"fingerprint": spec.fingerprint, "spec": spec.to_json(),
                    "files": digests[name], "parents": parents}  # fmt: skip
        # Without the flush to the disk that a job does.
        (folder / paths.MANIFEST).write_text(json.dumps(manifest))


def measured(command: list[str], folder: Path, expected: str = "") -> dict[str, float]:
    """The CPU seconds and the largest memory of a command, which must succeed."""
    begun = time.monotonic()
    with (folder / "printed.txt").open("wb") as printed:
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=printed, stderr=-2)
        memory, ended = 0, 0
        while not ended:
            memory = max(memory, _memory(process.pid))
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(status)
    text = (folder / "printed.txt").read_text(errors="replace")
    if process.returncode or expected not in text:
        sys.exit(f"{' '.join(command)}\n{text[-2000:]}")
    return {
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "wall_seconds": round(time.monotonic() - begun, 2),
        "memory_mb": memory // 1024,
    }


def _memory(process: int) -> int:
    """The largest memory of a process so far in kB; what `wait4` says may be its parent's."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def inodes(folder: Path) -> dict[str, int]:
    """How many files and folders lie in a folder, and their bytes."""
    found = [path.lstat() for path in folder.rglob("*")]
    return {"inodes": len(found), "bytes": sum(each.st_size for each in found)}


def opening(page: Path) -> float | None:
    """The median seconds of three openings of a page, or nothing where there is no browser."""
    if not CHROMIUM.exists():
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        return statistics.median(_opening(browser, page) for _ in range(3))


def _opening(browser: Any, page: Path) -> float:
    tab = browser.new_context().new_page()
    begun = time.monotonic()
    tab.goto(page.as_uri(), wait_until="load")
    # After two frames, the first of them is on the screen.
    frame = "() => new Promise(after => requestAnimationFrame(() => requestAnimationFrame(after)))"
    tab.evaluate(frame)
    seconds = time.monotonic() - begun
    tab.context.close()
    return round(seconds, 2)


def measure(jobs: int, folder: Path, drawn: bool) -> Iterator[tuple[str, Any]]:
    """All measurements of a study of about so many jobs, in a folder that is empty.

    Args:
        jobs: about how many.
        folder: is empty.
        drawn: whether it is drawn.
    """
    content = study(jobs)
    (folder / "study.yaml").write_text(yaml.safe_dump(content))
    plan = Plan.load(dict(content))
    python = [sys.executable, "-m"]
    commands = [*python, "pipeline"]
    snakemake = [*python, "snakemake", *PROFILE, "--snakefile", str(ROOT / "Snakefile"), "-n",
                 "--quiet", "--configfile", "study.yaml"]  # fmt: skip
    yield "jobs", len(plan.nodes) + 1
    yield "combinations", len(plan.combinations)
    yield "plan", measured([sys.executable, "-c", OWN_PLAN], folder)
    yield "snakemake, nothing there", measured(snakemake, folder)
    yield "status, nothing there", measured([*commands, "status", "study.yaml"], folder)
    os.chdir(folder)
    write_artifacts(plan)
    shutil.rmtree(folder / ".snakemake", ignore_errors=True)
    yield "artifacts", inodes(folder / "artifacts")
    yield "verify", measured([*commands, "verify"], folder, "0 problems")
    yield "gc", measured([*commands, "gc", "study.yaml"], folder, "can go: 0")
    if drawn:
        plot = [sys.executable, str(ROOT / "workflow/scripts/plot.py"), "--study", plan.json]
        yield "drawing", measured(plot, folder)
        page = plan.study_folder.resolve() / "report.html"
        yield "drawn", inodes(page.parent) | {"page": page.stat().st_size}
        yield "opening", opening(page)
    expected = "is drawn" if drawn else ""
    yield "status, all there", measured([*commands, "status", "study.yaml"], folder, expected)
    yield "snakemake, all there", measured(snakemake, folder)


def rates(found: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """CPU milliseconds of a job more, between each size and the next."""
    return {
        name: {
            f"{less['jobs']} to {more['jobs']}": round(
                1000
                * (more[name]["cpu_seconds"] - less[name]["cpu_seconds"])
                / (more["jobs"] - less["jobs"]),
                3,
            )
            for less, more in pairwise(found)
            if name in more
        }
        for name, each in found[0].items()
        if isinstance(each, dict) and "cpu_seconds" in each
    }


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """Draw CPU seconds over jobs, and what one millisecond for each job would be."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    sizes = [each["jobs"] for each in found]
    for name in rates(found):
        seconds = [each[name]["cpu_seconds"] for each in found if name in each]
        axes.plot(sizes[: len(seconds)], seconds, marker="o", label=name)
    axes.plot(sizes, [size / 1000 for size in sizes], "k:", label="1 ms a job")
    axes.set(xscale="log", yscale="log", xlabel="jobs", ylabel="CPU seconds")
    axes.legend(fontsize="small")
    figure.savefig(path)


def main() -> None:
    """Measure each size, and write it down as soon as it is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000, 5000, 20000])
    parser.add_argument("--drawn", type=int, default=100_000, help="at most so many jobs are drawn")
    parser.add_argument("--record", type=Path, help="a JSON file to write the result to")
    parser.add_argument("--figure", type=Path, help="a file to draw the figure into")
    arguments = parser.parse_args()
    record, figure = (
        path.resolve() if path else None for path in (arguments.record, arguments.figure)
    )
    found: list[dict[str, Any]] = []
    for jobs in arguments.jobs:
        found.append({})
        with tempfile.TemporaryDirectory() as folder:
            for name, value in measure(jobs, Path(folder), jobs <= arguments.drawn):
                found[-1][name] = value
                print(f"{name}: {value}", flush=True)
        content = {
            "date": time.strftime("%Y-%m-%d"),
            "processor": processor(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[1], 1),
            "python": platform.python_version(),
            "snakemake": version("snakemake"),
            "sizes": found,
            "cpu_milliseconds_of_a_job": rates(found),
        }
        if record:
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(content["cpu_milliseconds_of_a_job"], indent=1))
    if figure:
        draw(found, figure)


if __name__ == "__main__":
    main()
