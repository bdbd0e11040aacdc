"""Which jobs Snakemake plans for a study, from the files that are there.

A score that is missing is made, and so is what it needs and is missing, and so on. Where something
is made, or was since the study was drawn last, the study is drawn.
"""

from pipeline.cache import paths
from pipeline.cache.specs import AnySpec
from pipeline.running.plan import Plan, reads


def drawing(plan: Plan) -> str | None:
    """Why the study's tables and figures would be drawn; None if they are there."""
    if not all(file.exists() for file in plan.drawn):
        return "is not drawn"
    return "is drawn from scores that are gone" if planned(plan) else None


def planned(plan: Plan) -> set[str]:
    """The artifacts' folders whose jobs Snakemake would run."""
    waiting: list[AnySpec] = [each.score for each in plan.combinations]
    found: set[str] = set()
    while waiting:
        spec = waiting.pop()
        name = paths.folder(spec)
        if name not in found and not plan.is_there(spec):
            found.add(name)
            waiting += reads(spec)
    return found
