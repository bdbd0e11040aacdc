"""Draw a study: from scored combinations to tables, figures and a page; see `report.page`."""

from pathlib import Path

from pipeline.cache import manifests, paths
from pipeline.cache.lineage import Lineage
from pipeline.report import page
from pipeline.report.results import Scores
from pipeline.running.plan import Plan


def run(plan: Plan) -> list[Path]:
    """Draw the study of a plan; the marker that says so comes last, and only one is there.

    Raises:
        PipelineError: scores are missing or are not what was written.
    """
    folder, root = plan.study_folder, plan.root("score")
    lineage = Lineage(root, plan.artifacts)
    for marker in folder.glob(".plot~*"):
        marker.unlink()
    for each in plan.combinations:
        manifests.check(root / paths.folder(each.score), each.score)
    scores = [
        Scores(
            each,
            root / paths.folder(each.score),
            tuple(sorted(lineage.other_copies(paths.folder(each.score)))),
        )
        for each in plan.combinations
    ]
    written = page.write(scores, folder, **plan.study.figures)
    for old in ("tables/*", "figures/*", "comparison.*"):
        for file in set(folder.glob(old)) - set(written):
            file.unlink()
    plan.marker.touch()
    return written
