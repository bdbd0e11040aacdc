"""Draw a study: from scored combinations to tables and figures.

    >>> plot(combinations, Path("artifacts/studies/digits"))

What is drawn costs seconds, so all of it is drawn anew and replaces what was there:

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

from pipeline.cache import manifests, paths
from pipeline.cache.lineage import Lineage
from pipeline.errors import PipelineError
from pipeline.report import results, tables
from pipeline.report.figures import accuracy_over, over_sparsity, reliability, sparsification, style
from pipeline.report.paper import comparison
from pipeline.report.results import UNPRUNED, Combination, Resamples
from pipeline.report.tables import Table, stem
from pipeline.running.plan import Plan

READING = """# Results

- *AUSE*, the area under the sparsification error, says how well the uncertainty ranks the images;
  *ECE*, the expected calibration error, how well the confidence matches the accuracy. Both are
  fractions, except where a caption says otherwise; lower is better.
- An AUSE says little without that of a random order of the same images: *AUSE ÷ random* is 0 for
  the oracle's order and 1 for chance. A dagger in tables and a hollow marker in figures mark an
  uncertainty that ranks the images no better than chance.
- The uncertainty of *MSP*, the maximum softmax probability, is 1 − p[ŷ]: p are the probabilities,
  ŷ is the predicted class. That of the deep ensemble and of MC dropout is the variance over
  networks or passes, by default of the logits. The ECE of these takes 1 − the
  uncertainty, scaled to [0, 1], for the confidence, as the paper does; *ECE of p[ŷ]* is the
  ordinary one.
- *BN* prunes by the scale of the batch norm. Sparsity 0 is the same unpruned network for every
  pruner.
- Intervals are 95 % bootstrap intervals over the test images. They hold for these trained networks
  and do not tell how far another training would land. The ECE of resamples is higher than that of
  the images themselves, so its intervals lie high.
- `results.csv` has every number, of every definition of uncertainty and every member. What is not
  explained here is in the project's `docs/methods.md`."""

READING_PUBLISHED = """# The paper's own numbers

Tables 1 to 7 of *Effects of Neural Network Parameter Pruning on Uncertainty Estimation* as printed,
in the form of its Figures 2 to 4, 6 and 7.

- AUSE and ECE are fractions, except where a caption says otherwise: the paper prints ten times
  these. Lower is better.
- The AUSE of a random order is not printed. Here it is −a·ln a at the accuracy a, which supposes a
  perfect oracle and lies some per cent above what a network's own predictions would give. A dagger
  in tables and a hollow marker in figures mark an uncertainty that ranks the images no better."""


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
    combinations = [
        Combination(
            dataset=each.dataset,
            architecture=each.architecture,
            pruner=each.pruner,
            sparsity=each.sparsity,
            uncertainty=each.uncertainty,
            member=each.member,
            scores=root / paths.folder(each.score) / "scores.json",
            curves=root / paths.folder(each.score) / "curves.npz",
            other_copies=tuple(sorted(lineage.other_copies(paths.folder(each.score)))),
        )
        for each in plan.combinations
    ]
    written = plot(combinations, folder, **plan.study.figures)
    for old in ("tables/*", "figures/*", "comparison.*"):
        for file in set(folder.glob(old)) - set(written):
            file.unlink()
    plan.marker.touch()
    return written


def plot(
    combinations: Sequence[Combination],
    folder: Path,
    *,
    formats: Sequence[str] = ("svg", "png"),
    metrics: Sequence[str] = ("ause", "ece"),
    dpi: int = 150,
) -> list[Path]:
    """Write all tables and figures of scored combinations; returns the files.

    Args:
        combinations: in the order in which the study names its pruners and uncertainty methods.
        folder: is made if need be.
        formats: of the figures, at least one of svg, png and pdf.
        metrics: what tables and figures show beside the accuracy.
        dpi: the resolution of PNG figures.

    Raises:
        PipelineError: nothing is scored, or a metric or format is not known.
    """
    frame = results.tidy(combinations)
    known = list(frame["metric"].unique())
    if not known:
        raise PipelineError("nothing to draw: no combination is scored")
    for metric in metrics:
        if metric not in known:
            raise PipelineError(f"unknown metric {metric!r} to draw; known: {', '.join(known)}")

    page = [READING, *_other_copies(combinations), "## Figures"]
    written = []
    for name, figure in _figures(frame, combinations, metrics):
        files = style.save(figure, folder / "figures" / name, formats, dpi)
        written += files
        page.append(f"![{name}](figures/{files[-1].name})")
    resamples = results.read_resamples(combinations)
    if compared := comparison.tables(frame, resamples):
        page.append(comparison.report(compared))
    both = comparison.beside_published(frame)
    if not both.empty:
        (folder / "comparison.md").write_text(page[-1], encoding="utf-8")
        results.write_csv(both, folder / "comparison.csv")
        written += [folder / "comparison.md", folder / "comparison.csv"]
    page.append("## Tables")
    for table in _tables(frame, metrics, resamples):
        written += table.write(folder / "tables")
        page.append(f"### {table.name}\n\n{table.markdown()}")
    results.write_csv(frame, folder / "results.csv")
    (folder / "report.md").write_text("\n\n".join(page), encoding="utf-8")
    return [folder / "report.md", folder / "results.csv", *written]


def draw_published(
    folder: Path, formats: Sequence[str] = ("svg", "png"), dpi: int = 150
) -> list[Path]:
    """Draw the paper's own numbers as a study's: its Tables 1 to 7 and its Figures 2 to 4, 6, 7.

    Returns the files, first the page that shows them.
    """
    frame = results.published()
    page, written = [READING_PUBLISHED, "## Figures"], []
    for name, figure in _figures(frame, [], ["ause", "ece"]):
        files = style.save(figure, folder / "figures" / name, formats, dpi)
        written += files
        page.append(f"![{name}](figures/{files[-1].name})")
    page += [comparison.READING_CLAIMS, comparison.published_claims().markdown(), "## Tables"]
    for table in _published_tables(frame):
        written += table.write(folder / "tables")
        page.append(f"### {table.name}\n\n{table.markdown()}")
    results.write_csv(frame, folder / "results.csv")
    (folder / "report.md").write_text("\n\n".join(page), encoding="utf-8")
    return [folder / "report.md", folder / "results.csv", *written]


def _published_tables(frame: pd.DataFrame) -> Iterator[Table]:
    """The paper's Tables 1 to 7, and how its AUSE stands to chance."""
    yield tables.sizes(frame)
    for network in _networks(frame):
        yield tables.accuracy_table(frame, *network, "ause")
        # Beside the ECE, the paper prints other accuracies.
        yield tables.accuracy_table(results.published("ece"), *network, "ece")
        yield tables.random_table(frame, *network)


def _other_copies(combinations: Sequence[Combination]) -> Iterator[str]:
    """What to say where numbers follow from files that are there no longer."""
    found = sorted({name for each in combinations for name in each.other_copies})
    if found:
        count = sum(bool(each.other_copies) for each in combinations)
        listed = "\n".join(f"- `{name}`" for name in found)
        yield (
            f"**{count} of {len(combinations)} combinations were made from other copies** of these "
            "artifacts than those that are there, which were made again and came out with other "
            f"bits. The column `other_copies` of `results.csv` says which.\n\n{listed}"
        )


def _figures(
    frame: pd.DataFrame, combinations: Sequence[Combination], metrics: Sequence[str]
) -> Iterator[tuple[str, Figure]]:
    """Every figure with its name."""
    for dataset in frame["dataset"].unique():
        yield stem(dataset, "over-sparsity"), over_sparsity.draw(frame, dataset, metrics)
    for dataset, architecture in _networks(frame):
        here = [c for c in combinations if (c.dataset, c.architecture) == (dataset, architecture)]
        examples = _examples(here)
        name = stem(dataset, architecture)
        figure = accuracy_over.draw(frame, dataset, architecture, metrics)
        yield f"{name}-accuracy-over-metrics", figure
        if examples:
            yield f"{name}-sparsification", sparsification.draw(examples)
            yield f"{name}-reliability", reliability.draw(examples)


def _tables(frame: pd.DataFrame, metrics: Sequence[str], resamples: Resamples) -> Iterator[Table]:
    """Every table that has something to say."""
    yield tables.sizes(frame)
    yield tables.sizes(frame, "macs")
    for network in _networks(frame):
        here = frame[(frame["dataset"] == network[0]) & (frame["architecture"] == network[1])]
        for metric in metrics:
            yield tables.accuracy_table(frame, *network, metric)
        yield tables.random_table(frame, *network)
        if here["low"].notna().any():
            yield tables.interval_table(frame, *network, ["accuracy", *metrics])
        if not here["default"].all():
            yield tables.definition_table(frame, *network)
        if (here["member"] > 0).any():
            yield tables.member_table(frame, *network, ["accuracy", *metrics], resamples)
        yield tables.metric_table(frame, *network)


def _networks(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """The data sets and architectures that occur together."""
    rows = frame[["dataset", "architecture"]].drop_duplicates()
    return list(rows.itertuples(index=False, name=None))


def _examples(combinations: Sequence[Combination]) -> list[Combination]:
    """The unpruned network, then one pruner's sparsest: that of l1, if the study has it."""
    combinations = [c for c in combinations if c.member == 0]
    unpruned = [c for c in combinations if c.pruner == UNPRUNED]
    pruned = [c for c in combinations if c.pruner != UNPRUNED]
    pruners = [c.pruner for c in pruned]
    pruner = "l1" if "l1" in pruners else next(iter(pruners), None)
    sparsest = max((c.sparsity for c in pruned if c.pruner == pruner), default=None)
    return unpruned + [c for c in pruned if (c.pruner, c.sparsity) == (pruner, sparsest)]
