"""The page of a study: all that is drawn of it, with what to know when reading it.

    >>> write(scores, Path("artifacts/studies/digits"))

What is drawn costs seconds, so all of it is drawn anew:

    report.md                                all tables and figures on one page
    report.html                              the same in one file to read in a browser, and to ask
    results.csv                              every number
    comparison.{md,csv}                      beside the paper's, of networks that it has, too
    tables/digits-resnet18-ause.{md,csv,tex}
    figures/digits-over-sparsity.{svg,png}
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from pipeline.cache import files
from pipeline.errors import PipelineError
from pipeline.report import comparisons, figures, findings, results, style, tables
from pipeline.report.about import About
from pipeline.report.entries import made
from pipeline.report.html import Content, Drawn, Section, explorer, render
from pipeline.report.html.rows import rows
from pipeline.report.names import display
from pipeline.report.paper import beside, comparison
from pipeline.report.replicates import reading
from pipeline.report.results import Scores
from pipeline.report.table import Table
from pipeline.report.tables import every_metric
from pipeline.report.view import METRICS, View

READING = """## How to read it

- *AUSE*, the area under the sparsification error, says how well the uncertainty ranks the images;
  *ECE*, the expected calibration error, how well the confidence matches the accuracy. Both are
  fractions, except where a caption says otherwise; lower is better.
- An AUSE says little without that of a random order of the same images: *AUSE ÷ random* is 0 for
  the oracle's order and 1 for chance. † in tables and a hollow marker in figures mark an
  uncertainty that ranks the images no better than chance, ‡ and a half-filled marker one of which
  that is undecided. Better is what has an interval of AURG above 0 and p ≤ .025 in a permutation
  test.
- The uncertainty of *MSP*, the maximum softmax probability, is 1 − p[ŷ]: p are the probabilities,
  ŷ is the predicted class. That of the deep ensemble and of MC dropout is the variance over
  networks or passes, by default of the logits. The ECE of these takes 1 − the
  uncertainty, scaled to [0, 1], for the confidence, as the paper does; *ECE of p[ŷ]* is the
  ordinary one.
- *Scaled* is what remains after temperature scaling: logits are divided by one number, which each
  half of the test images takes from the other. It takes away what is only sharpness: a temperature
  above 1 belongs to a network that is too sure of itself. *Conformal sets* (LAC, APS) hold the
  label of nine images in ten; how many classes that takes says what the network knows.
- *Aleatoric* is the mean entropy of the members' own predictions, *epistemic* what the entropy of
  their mean prediction has beyond it.
- *BN* prunes by the scale of the batch norm. Sparsity 0 is the same unpruned network for every
  pruner.
- {trainings}
- The interval of an ECE is the debiased ECE's: it covers the true calibration error at least 95
  times of 100, and may lie below the plain ECE, which is biased upwards. Where the confidence is
  scaled to the most and the least uncertain image, that truth is one at the scale of these images
  only. Those of rankings (AUSE, AUROC and their kin) are widened where errors are few; of fewer
  than 5 a ranking has none.
- `results.csv` has every number, of every definition of uncertainty, every member and every
  replicate. What is not
  explained here is in the project's `docs/methods.md`."""


class Page:
    """A page that grows, and the files that it shows.

    Args:
        folder: is made if it is not there.
        formats: of the figures, at least one of svg, png and pdf.
        dpi: the resolution of PNG figures.
    """

    def __init__(
        self, folder: Path, formats: Sequence[str] = ("svg", "png"), dpi: int = 150
    ) -> None:
        self.folder, self.formats, self.dpi = folder, formats, dpi
        self.parts: list[str] = []
        self.written: list[Path] = []
        self.sections: dict[str, Section] = {}

    def add(self, *parts: str) -> None:
        """Add paragraphs."""
        self.parts += parts

    def figure(self, entry: ModuleType, view: View, kind: str, figure: Figure) -> None:
        """Save a figure and show it, with what to look for."""
        name = view.stem(kind)
        found = style.save(figure, self.folder / "figures" / name, self.formats, self.dpi)
        self.written += found
        caption = _caption(entry, view)
        self.add(f"![{name}](figures/{found[-1].name})", *([caption] if caption else []))
        svg = next((each for each in found if each.suffix == ".svg"), None)
        self._section(view).figures.append(
            Drawn(
                name,
                f"{view.title}: {kind.replace('-', ' ')}" if view.title else kind,
                caption,
                svg.read_text(encoding="utf-8") if svg else style.as_svg(figure),
                [f"figures/{each.name}" for each in found],
            )
        )

    def table(self, view: View, table: Table, *, repeated: bool = False) -> None:
        """Write a table and show it; one that is `repeated` is shown on the HTML page already."""
        self.written += table.write(self.folder / "tables")
        self.add(f"### {table.name}\n\n{table.markdown()}")
        if not repeated:
            self._section(view).tables.append(table)

    def _section(self, view: View) -> Section:
        title = view.title or "All"
        return self.sections.setdefault(title, Section(title))

    def finish(self, frame: pd.DataFrame) -> list[Path]:
        """Write the page and every number; returns all files, the page first."""
        page, numbers = self.folder / "report.md", self.folder / "results.csv"
        files.write_bytes(page, "\n\n".join(self.parts).encode())
        results.write_csv(frame, numbers)
        return [page, numbers, *self.written]


def _caption(entry: ModuleType, view: View) -> str:
    """What a figure's entry says of it, and by which definitions its numbers are."""
    said = getattr(entry, "CAPTION", "")
    rows = view.rows
    # The paper does not say by which definition its numbers are.
    if not said or rows.empty or (rows["definition"] == results.PRINTED).all():
        return str(said)
    once = rows.loc[rows["default"], ["uncertainty", "definition"]].drop_duplicates()
    named = [
        f"{display(method, 'uncertainty')}: {display(definition, 'definition')}"
        for method, definition in once.itertuples(index=False, name=None)
    ]
    return f"{said} Definitions of the uncertainty: {'; '.join(named)}."


def write(
    scores: Sequence[Scores],
    folder: Path,
    *,
    formats: Sequence[str] = ("svg", "png"),
    metrics: Sequence[str] = METRICS,
    dpi: int = 150,
    examples: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
    about: About | None = None,
) -> list[Path]:
    """Write all tables and figures of scored combinations; returns the files.

    Args:
        scores: in the order in which the study names its pruners and uncertainty methods.
        folder: see `Page`.
        formats: see `Page`.
        metrics: what tables and figures show beside the accuracy.
        dpi: see `Page`.
        examples: the pruners and sparsities whose curves are drawn; see `panels.examples`.
        notes: what else to know, above the figures.
        about: the study beside its numbers.

    Raises:
        PipelineError: nothing is scored, a metric was not scored, a format is not known, or there
            is no such example.
    """
    frame = results.tidy(scores)
    known = list(frame["metric"].unique())
    if not known:
        raise PipelineError("nothing to draw: no combination is scored")
    for metric in metrics:
        if metric not in known:
            raise PipelineError(f"unknown metric {metric!r} to draw; known: {', '.join(known)}")

    about = about or About()
    resamples = results.read_resamples(scores)
    own, others = results.by_test_set(frame)
    study = View(
        own,
        scores,
        metrics,
        resamples,
        examples=examples,
        trained=about.trained,
        others=others,
    )
    page = Page(folder, formats, dpi)
    found = findings.find(study)
    notes = [*notes, *_other_copies(scores)]
    words = READING.format(trainings=reading(study.replicates))
    page.add("", words, *notes, "## Figures")
    for entry, view, (name, figure) in made(figures, study):
        page.figure(entry, view, name, figure)
    paper = _compare(page, study)
    page.add("## Tables")
    for entry, view, table in made(tables, study):
        page.table(view, table, repeated=entry is every_metric)
    comparisons_table = None
    if found.families:
        comparisons_table = comparisons.table(found.families)
        page.written += comparisons_table.write(folder / "tables")
        page.add(f"### {comparisons_table.name}\n\n{comparisons_table.markdown()}")
    page.parts[0] = _title(about) + findings.markdown(found, _links(page))
    content = Content(
        about=about,
        found=found,
        comparisons=comparisons_table,
        notes=notes,
        reading=words,
        sections=list(page.sections.values()),
        paper=paper,
        paper_reading=f"{comparison.READING_CLAIMS}\n\n{comparison.PAIRING}",
        rows=rows(own, list(metrics)),
        explorer=explorer.data(own, scores),
    )
    html = folder / "report.html"
    files.write_bytes(html, render(content).encode())
    first, *rest = page.finish(frame)
    return [first, html, *rest]


def _title(about: About) -> str:
    return f"# {about.name}\n\n" if about.name else "# Study\n\n"


def _links(page: Page) -> dict[str, str]:
    """Where on the disk what a finding names is: figures first, then tables."""
    found = {path.stem: f"tables/{path.name}" for path in page.written if path.suffix == ".md"}
    return found | {
        path.stem: f"figures/{path.name}" for path in page.written if path.parent.name == "figures"
    }


def _compare(page: Page, study: View) -> list[Table]:
    """What the paper says, where it can be held against the study."""
    compared = comparison.tables(study.frame, study.resamples)
    if compared:
        page.add(comparison.report(compared, study.replicates))
    both = beside.beside_published(study.means)
    if not both.empty:
        found = [page.folder / f"comparison.{suffix}" for suffix in ("md", "csv")]
        files.write_bytes(found[0], page.parts[-1].encode())
        results.write_csv(both, found[1])
        page.written += found
    return compared


def _other_copies(scores: Sequence[Scores]) -> Iterator[str]:
    """What to say where numbers follow from files that are there no longer."""
    found = sorted({name for each in scores for name in each.other_copies})
    if found:
        count = sum(bool(each.other_copies) for each in scores)
        listed = "\n".join(f"- `{name}`" for name in found)
        yield (
            f"**{count} of {len(scores)} combinations were made from other copies** of these "
            "artifacts than those that are there, which were made again and came out with other "
            f"bits. The column `other_copies` of `results.csv` says which.\n\n{listed}"
        )
