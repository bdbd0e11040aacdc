"""What ``status`` says would run is what Snakemake plans."""

import shutil
from collections import Counter
from pathlib import Path

from support import Project

from pipeline.cache.specs import STAGES

JOBS = {"read": "data", "train": "train", "prune": "prune", "fine-tune": "finetune",
        "predict": "infer", "score": "score", "check": "check"}  # fmt: skip


def would_run(project: Project) -> Counter[str]:
    """How many jobs of each stage ``status`` announces."""
    done = project.call("pipeline", "status", "study.yaml")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    counts = Counter({row[0]: int(row[3]) for row in rows if row and row[0] in STAGES})
    drawn = done.stdout.endswith("the study is drawn: nothing to do\n")
    return counts + Counter(plot=0 if drawn else 1)


def planned(project: Project) -> Counter[str]:
    """How many jobs of each stage Snakemake plans."""
    found: Counter[str] = Counter()
    for job, count in project.planned().items():
        found[JOBS.get(job.split()[0], "plot")] += count if job != "the whole study" else 0
    return +found


def test_status_announces_what_snakemake_plans(tmp_path: Path) -> None:
    project = Project(tmp_path)
    network = project.artifacts / "digits/resnet18"
    assert planned(project) == would_run(project) == Counter(
        data=1, check=1, train=3, prune=6, finetune=3, infer=9, score=9, plot=1
    )  # fmt: skip
    project.pretend()
    assert planned(project) == would_run(project) == Counter()

    # Checkpoints that nothing asks for, and a score.
    for place in ("plain-0/train~*", "plain-0/l1-0.5/prune~*", "msp/l1-0.5/score~*"):
        shutil.rmtree(next(network.glob(place)))
    assert planned(project) == would_run(project) == Counter(score=1, plot=1)

    # Predictions that the score needs, but not the ensemble's, which is there.
    shutil.rmtree(next(network.glob("plain-0/l1-0.5/infer~*")))
    assert planned(project) == would_run(project) == Counter(infer=1, score=1, plot=1)

    shutil.rmtree(next(network.glob("plain-0/l1-0.5/finetune~*")))
    assert planned(project) == would_run(project) == Counter(
        train=1, prune=1, finetune=1, infer=1, score=1, plot=1
    )  # fmt: skip
