"""Draw a study: from scored combinations to tables, figures and a page; see `report.page`."""

import contextlib
from pathlib import Path

from pipeline.cache import manifests, paths
from pipeline.cache.lineage import Lineage
from pipeline.errors import PipelineError
from pipeline.report import drawn, page
from pipeline.report.results import Scores
from pipeline.running import locks, provenance
from pipeline.running.plan import Plan

# What an earlier drawing may have left that this one has not.
KINDS = ("tables/*", "figures/*", "comparison.*")


def run(plan: Plan) -> list[Path]:
    """Draw the study of a plan; the marker that says so comes last, and only one is there.

    What is drawn by another process at the same time is waited for if it is the same.

    Raises:
        PipelineError: scores are missing or are not what was written, or another process draws
            another study, or by other code, into the same folder.
    """
    folder, marker = plan.study_folder, plan.marker
    folder.mkdir(parents=True, exist_ok=True)
    with locks.only_one(folder / paths.LOCK, "drawn", marker.name):
        with contextlib.suppress(PipelineError):
            return drawn.check(marker)
        for old in folder.glob(".plot~*"):
            old.unlink()
        notes = _versions(plan)
        written = page.write(_scores(plan), folder, notes=notes, **plan.study.figures)
        for kind in KINDS:
            for file in set(folder.glob(kind)) - set(written):
                file.unlink()
        drawn.sign(marker, written)
    return written


def _versions(plan: Plan) -> list[str]:
    """What to say where artifacts come from different versions of what computes."""
    folders = (plan.root(spec.stage) / folder for folder, spec in plan.nodes.items())
    found = [f"- {line}" for line in provenance.differing_versions(folders)]
    intro = "**The artifacts of this study were not all made alike**, which can change numbers:"
    return ["\n".join([intro, "", *found])] if found else []


def _scores(plan: Plan) -> list[Scores]:
    """The study's scores, each as it was written."""
    root = plan.root("score")
    lineage = Lineage(root, plan.artifacts)
    for each in plan.combinations:
        manifests.check(root / paths.folder(each.score), each.score)
    return [
        Scores(
            each,
            root / paths.folder(each.score),
            tuple(sorted(lineage.other_copies(paths.folder(each.score)))),
        )
        for each in plan.combinations
    ]
