"""Which jobs Snakemake plans for a study, from the files that are there.

Snakemake starts from the marker that says that the study is drawn. Only if it has to draw does it
ask for scores that are missing, for what these need and is missing, and so on: an artifact that is
missing is made when something that is made reads it. Whatever reads a file that is made again
because it was missing is planned, too, and leaves at once if its own artifact is intact; if that
was deleted since, it is made.
"""

from pathlib import Path

from pipeline import paths
from pipeline.plan import Plan, reads


def drawing(plan: Plan) -> str | None:
    """Why the study's tables and figures would be drawn; None if they are there.

    Snakemake leaves out a drawing that is only older than its scores if it remembers that it was
    made from the same ones, and so does not when artifacts were copied from elsewhere.
    """
    if not plan.marker.exists():
        return "is not drawn"
    outputs = (plan.study_folder / "results.csv", plan.marker)
    drawn = min(_time(file) for file in outputs if file.exists())
    if any(_time(Path(file)) > drawn for file in plan.scores if Path(file).exists()):
        return "is older than its scores"
    return None


def planned(plan: Plan) -> set[str]:
    """The artifacts' folders whose jobs Snakemake would run, those that leave at once included."""
    if drawing(plan) is None:
        return set()
    parents = {
        name: [paths.folder(parent) for parent in reads(spec)] for name, spec in plan.nodes.items()
    }
    children: dict[str, list[str]] = {name: [] for name in plan.nodes}
    for name, names in parents.items():
        for parent in names:
            children[parent].append(name)
    missing = {name for name in plan.nodes if not seems_there(plan, name)}
    waiting = [name for name in missing if plan.nodes[name].stage == "score"]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [parent for parent in parents[name] if parent in missing]
            waiting += children[name] if name in missing else []
    return found


def seems_there(plan: Plan, name: str) -> bool:
    """Whether an artifact has all files that other jobs read, which is what Snakemake looks at."""
    stage = plan.nodes[name].stage
    names = paths.outputs(stage)
    read = names if stage == "score" else (names[0], paths.MANIFEST)
    return all((plan.root(stage) / name / file).exists() for file in read)


def _time(file: Path) -> int:
    return file.stat().st_mtime_ns
