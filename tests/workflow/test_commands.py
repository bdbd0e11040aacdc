"""What ``status`` says would run is what Snakemake plans."""

import shutil
from collections import Counter
from pathlib import Path

from support import Project

from pipeline import artifacts, paths
from pipeline.plan import Plan

JOBS = {"read": "data", "train": "train", "prune": "prune", "fine-tune": "finetune",
        "predict": "infer", "score": "score"}  # fmt: skip


def pretend(plan: Plan) -> None:
    """Write files as if the study had run."""
    for name, spec in plan.nodes.items():
        folder = plan.artifacts / name
        files = {}
        for file in paths.PAYLOADS[spec.stage]:
            artifacts.write_bytes(folder / file, file.encode())
            files[file] = artifacts.sha256(folder / file)
        artifacts.Manifest(spec.fingerprint, spec.to_json(), files, {}).write(folder)
    plan.study_folder.mkdir(parents=True)
    (plan.study_folder / "results.csv").touch()
    plan.marker.touch()


def would_run(project: Project) -> Counter[str]:
    """How many jobs of each stage ``status`` announces, those that leave at once included."""
    done = project.call("pipeline", "status", "study.yaml")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    table = {row[0]: row for row in rows if row and row[0] in JOBS.values()}
    counts = Counter({stage: int(row[3]) + int(row[4]) for stage, row in table.items()})
    return counts + Counter(plot=done.stdout.count("the study is not drawn"))


def planned(project: Project) -> Counter[str]:
    """How many jobs of each stage Snakemake plans."""
    found: Counter[str] = Counter()
    for job, count in project.planned().items():
        found[JOBS.get(job.split()[0], "plot")] += count if job != "the whole study" else 0
    return +found


def test_status_announces_what_snakemake_plans(tmp_path: Path) -> None:
    project = Project(tmp_path)
    plan = Plan.load({**project.study, "artifacts": str(project.artifacts)})
    network = project.artifacts / "digits/resnet18"
    assert planned(project) == would_run(project) == Counter(
        data=1, train=3, prune=6, finetune=3, infer=9, score=9, plot=1
    )  # fmt: skip
    pretend(plan)
    assert planned(project) == would_run(project) == Counter()

    # Checkpoints, and a score that nobody asks for as long as the study is drawn.
    for place in ("plain-0/train~*", "plain-0/l1-0.5/prune~*", "msp/l1-0.5/score~*"):
        shutil.rmtree(next(network.glob(place)))
    assert planned(project) == would_run(project) == Counter()

    plan.marker.unlink()
    assert planned(project) == would_run(project) == Counter(score=1, plot=1)

    # The predictions of one network, which the ensemble's score was made from, too: the network is
    # trained again, and what reads it is planned, be it there (resrep) or not (l1).
    for place in ("plain-0/infer~*", "msp/score~*"):
        shutil.rmtree(next(network.glob(place)))
    assert planned(project) == would_run(project) == Counter(
        train=1, prune=2, finetune=1, infer=1, score=3, plot=1
    )  # fmt: skip
