"""The page of a study: all that is drawn of it, with what to know when reading it.

    >>> write(scores, Path("artifacts/studies/digits"))

What is drawn costs seconds, so all of it is drawn anew:

    report.md                                all tables and figures on one page
    results.csv                              every number
    comparison.{md,csv}                      beside the paper's, of networks that it has, too
    tables/digits-resnet18-ause.{md,csv,tex}
    figures/digits-over-sparsity.{svg,png}
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from pipeline.cache import files
from pipeline.errors import PipelineError
from pipeline.report import figures, results, style, tables
from pipeline.report.entries import made
from pipeline.report.paper import beside, comparison
from pipeline.report.replicates import reading
from pipeline.report.results import Scores
from pipeline.report.table import Table
from pipeline.report.view import METRICS, View

READING = """# Results

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

    def add(self, *parts: str) -> None:
        """Add paragraphs."""
        self.parts += parts

    def figure(self, name: str, figure: Figure) -> None:
        """Save a figure and show it."""
        found = style.save(figure, self.folder / "figures" / name, self.formats, self.dpi)
        self.written += found
        self.add(f"![{name}](figures/{found[-1].name})")

    def table(self, table: Table) -> None:
        """Write a table and show it."""
        self.written += table.write(self.folder / "tables")
        self.add(f"### {table.name}\n\n{table.markdown()}")

    def finish(self, frame: pd.DataFrame) -> list[Path]:
        """Write the page and every number; returns all files, the page first."""
        page, numbers = self.folder / "report.md", self.folder / "results.csv"
        files.write_bytes(page, "\n\n".join(self.parts).encode())
        results.write_csv(frame, numbers)
        return [page, numbers, *self.written]


def write(
    scores: Sequence[Scores],
    folder: Path,
    *,
    formats: Sequence[str] = ("svg", "png"),
    metrics: Sequence[str] = METRICS,
    dpi: int = 150,
    notes: Sequence[str] = (),
) -> list[Path]:
    """Write all tables and figures of scored combinations; returns the files.

    Args:
        scores: in the order in which the study names its pruners and uncertainty methods.
        folder: see `Page`.
        formats: see `Page`.
        metrics: what tables and figures show beside the accuracy.
        dpi: see `Page`.
        notes: what else to know, above the figures.

    Raises:
        PipelineError: nothing is scored, a metric was not scored, or a format is not known.
    """
    frame = results.tidy(scores)
    known = list(frame["metric"].unique())
    if not known:
        raise PipelineError("nothing to draw: no combination is scored")
    for metric in metrics:
        if metric not in known:
            raise PipelineError(f"unknown metric {metric!r} to draw; known: {', '.join(known)}")

    own, others = results.by_test_set(frame)
    study = View(own, scores, metrics, results.read_resamples(scores), others=others)
    page = Page(folder, formats, dpi)
    page.add(
        READING.format(trainings=reading(study.replicates)),
        *notes,
        *_other_copies(scores),
        "## Figures",
    )
    for view, (name, figure) in made(figures, study):
        page.figure(view.stem(name), figure)
    _compare(page, study)
    page.add("## Tables")
    for _, table in made(tables, study):
        page.table(table)
    return page.finish(frame)


def _compare(page: Page, study: View) -> None:
    """What the paper says, where it can be held against the study."""
    if compared := comparison.tables(study.frame, study.resamples):
        page.add(comparison.report(compared, study.replicates))
    both = beside.beside_published(study.means)
    if not both.empty:
        found = [page.folder / f"comparison.{suffix}" for suffix in ("md", "csv")]
        files.write_bytes(found[0], page.parts[-1].encode())
        results.write_csv(both, found[1])
        page.written += found


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
