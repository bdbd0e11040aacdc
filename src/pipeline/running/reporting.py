"""What Snakemake's own report shows: ``snakemake --report report.html``.

These are the files that the plot job drew, as they lie there. No rule has them among its outputs:
Snakemake deletes a job's outputs before it starts, and would take a figure that somebody deleted
for up to date.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.running.plan import Plan

# The page first, since the report shows categories in the order of the alphabet.
CATEGORIES = {"": "All numbers", "figures": "Figures", "tables": "Tables"}
CAPTIONS = {"": "numbers.rst", "figures": "figures.rst", "tables": "tables.rst"}
# What a browser shows, the better first; of a figure in several formats, one is enough.
FORMATS = (".svg", ".png", ".html", ".csv", ".pdf")


@dataclass(frozen=True)
class Shown:
    """A file of the report.

    Attributes:
        file: Where it lies.
        category: Under which heading it is shown.
        caption: The file in ``workflow/report`` that says what it is.
        name: What it shows, in words.
    """

    file: Path
    category: str
    caption: str
    name: str


def shown(plan: Plan) -> list[Shown]:
    """The files of a study that is drawn, by heading and name.

    Raises:
        PipelineError: it is not drawn as it stands, or a file was changed since.
    """
    # Planning does without what reads files.
    from pipeline.report.drawn import check

    try:
        drawn = check(plan.marker)
    except PipelineError as error:
        raise PipelineError(f"--report shows what is drawn, and {error}; first run it") from None
    best: dict[tuple[str, str], Path] = {}
    for file in drawn:
        name = (_kind(plan, file), file.stem)
        if file.suffix in FORMATS and (name not in best or _rank(file) < _rank(best[name])):
            best[name] = file
    return [
        Shown(file, CATEGORIES[kind], CAPTIONS[kind], stem.replace("-", " "))
        for (kind, stem), file in sorted(best.items())
        if kind in CATEGORIES
    ]


def _kind(plan: Plan, file: Path) -> str:
    """The folder that a file was drawn into; empty for the study's own."""
    return file.parent.relative_to(plan.study_folder).as_posix().removeprefix(".")


def _rank(file: Path) -> int:
    return FORMATS.index(file.suffix)
