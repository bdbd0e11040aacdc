"""Draw a study: from scored combinations to tables, figures and a page; see `report.page`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pipeline.cache import manifests, paths
from pipeline.cache.lineage import Lineage
from pipeline.errors import PipelineError
from pipeline.report import drawn, origins, page
from pipeline.report.about import About, Trained
from pipeline.report.names import UNPRUNED
from pipeline.report.results import Scores
from pipeline.running import locks, provenance
from pipeline.running.plan import Plan
from pipeline.study import REPEATS

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
        about = _about(plan)
        written = page.write(_scores(plan), folder, notes=notes, about=about, **plan.study.figures)
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


def _about(plan: Plan) -> About:
    """The study beside its numbers, from what lies beside its artifacts."""
    lineage = Lineage(plan.root("score"), plan.artifacts)
    parents = dict.fromkeys(("same", "other", "gone"), 0)
    records = []
    for folder, spec in plan.nodes.items():
        records.append((spec.stage, provenance.read(plan.root(spec.stage) / folder)))
        manifest = lineage.manifest(folder)
        for parent, digest in (manifest.parents if manifest else {}).items():
            now = lineage.manifest(parent)
            there = "gone" if now is None else "same" if digest in now.files.values() else "other"
            parents[there] += 1
    found = origins.summed(records, parents)
    trained = {each.folder: each for each in _trained(plan)}
    return About(plan.study.study, plan.study.content, found, tuple(trained.values()))


def _trained(plan: Plan) -> Iterator[Trained]:
    """The networks that were trained, or pruned and trained, of the first of each measurement."""
    for each in plan.combinations:
        if all(each.axes[key] == first for key, first in REPEATS.items() if key != "member"):
            for prediction in each.score.predictions:
                model = prediction.model
                of = model.trained
                pruned = (each.pruner, each.sparsity) if model is not of else (UNPRUNED, 0.0)
                yield Trained(
                    each.dataset,
                    each.architecture,
                    *pruned,
                    f"{of.kind}-{of.member}",
                    plan.root(model.stage) / paths.folder(model),
                )


def _scores(plan: Plan) -> list[Scores]:
    """The study's scores, each as it was written."""
    root = plan.root("score")
    lineage = Lineage(root, plan.artifacts)
    found = []
    for each in plan.combinations:
        place = paths.folder(each.score)
        manifests.check(root / place, each.score)
        found.append(Scores(each, root, place, tuple(sorted(lineage.other_copies(place)))))
    return found
