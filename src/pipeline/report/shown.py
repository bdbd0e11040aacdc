"""What Snakemake's own report shows: ``snakemake --report report.html``.

These are the files that the plot job drew, as they lie there. No rule has them among its outputs:
Snakemake deletes a job's outputs before it starts, and would take a figure that somebody deleted
for up to date.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.report.drawn import check

# By the folder that files are drawn into; those of the study as a whole lie in none.
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


def shown(marker: Path) -> list[Shown]:
    """The files of a study that is drawn, as its marker says, by heading and name.

    Raises:
        PipelineError: it is not drawn as it stands, or a file was changed since.
    """
    try:
        drawn = check(marker)
    except PipelineError as error:
        raise PipelineError(f"--report shows what is drawn, and {error}; first run it") from None
    best: dict[tuple[str, str], Path] = {}
    for file in drawn:
        name = (_folder(marker, file), file.stem)
        if file.suffix in FORMATS and (name not in best or _rank(file) < _rank(best[name])):
            best[name] = file
    return [
        Shown(file, CATEGORIES[folder], CAPTIONS[folder], stem.replace("-", " "))
        for (folder, stem), file in sorted(best.items())
        if folder in CATEGORIES
    ]


def _folder(marker: Path, file: Path) -> str:
    return file.parent.relative_to(marker.parent).as_posix().removeprefix(".")


def _rank(file: Path) -> int:
    return FORMATS.index(file.suffix)
