"""The page of the paper's own numbers, by the code that draws a study's."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.report import figures
from pipeline.report.entries import made
from pipeline.report.page import Page
from pipeline.report.paper import comparison
from pipeline.report.paper.printed import published
from pipeline.report.table import Table
from pipeline.report.tables import accuracy_and_metric, ause_over_random, sizes
from pipeline.report.view import View

READING = """# The paper's own numbers

Tables 1 to 7 of *Effects of Neural Network Parameter Pruning on Uncertainty Estimation* as printed,
in the form of its Figures 2 to 4, 6 and 7.

- AUSE and ECE are fractions, except where a caption says otherwise: the paper prints ten times
  these. Lower is better.
- The AUSE of a random order is not printed. Here it is −a·ln a at the accuracy a, which supposes a
  perfect oracle and is a few per cent higher than a network's own predictions would give. A dagger
  in tables and a hollow marker in figures mark an uncertainty that ranks the images no better. The
  paper prints no intervals, so which of the others rank them better is not known.
- Beside the ECE stand the accuracies of Tables 4, 5 and 7, elsewhere those of Tables 2, 3 and 6."""


def write(folder: Path, formats: Sequence[str] = ("svg", "png"), dpi: int = 150) -> list[Path]:
    """Draw the paper's own numbers as a study's: its Tables 1 to 7 and its Figures 2 to 4, 6, 7.

    Returns the files, first the page that shows them.
    """
    paper = View(published())
    page = Page(folder, formats, dpi)
    page.add(READING, "## Figures")
    for entry, view, (name, figure) in made(figures, paper):
        page.figure(entry, view, name, figure)
    page.add(comparison.READING_CLAIMS, comparison.published_claims().markdown(), "## Tables")
    for view, table in _tables(paper):
        page.table(view, table)
    return page.finish(paper.frame)


def _tables(paper: View) -> Iterator[tuple[View, Table]]:
    """The paper's Tables 1 to 7, and how its AUSE stands to chance."""
    for table in sizes.tables(paper):
        yield paper, table
    # Beside the ECE, the paper prints other accuracies.
    beside_ece = View(published("ece"))
    for view in paper.networks:
        yield view, accuracy_and_metric.accuracy_table(view, "ause")
        yield view, accuracy_and_metric.accuracy_table(beside_ece.of(*view.part.values()), "ece")
        for table in ause_over_random.tables(view):
            yield view, table
