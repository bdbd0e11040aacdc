"""Whether Snakemake would draw a study's tables and figures, and why."""

from pipeline.running.plan import Plan


def why_draw(plan: Plan) -> str | None:
    """Why the study's tables and figures would be drawn; None if they are there."""
    if not all(file.exists() for file in plan.report_files):
        return "is not drawn"
    return "is drawn from scores that are gone" if plan.missing() else None
