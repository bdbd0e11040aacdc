"""Tables in the form of the paper's Tables 1 to 7, and some that it lacks.

    >>> accuracy_table(frame, "cifar100", "resnet18", "ause").markdown()

They are made from the frame of `results.tidy`. Cells are scaled as their captions
say, and "–" stands for what is missing or undefined; the CSV beside each table holds the plain
numbers.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.metrics import percentile_interval, resample_members
from pipeline.report.results import KEYS, PRINTED, Resamples, display, scored, shown, write_csv

MISSING = "–"

LATEX = {
    **{character: rf"\{character}" for character in "&%_#$"},
    "†": r"$^\dagger$",
    "÷": r"$\div$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "–": "--",
    "−": "$-$",
    "ŷ": r"$\hat{y}$",
}


@dataclass(frozen=True)
class Table:
    """A table to read, as Markdown or LaTeX, and the unscaled numbers behind it, as CSV.

    The first `labels` columns name the row; a name that repeats the row above is left blank.
    """

    name: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: pd.DataFrame
    labels: int = 2

    def markdown(self) -> str:
        """The caption, then a pipe table."""
        rule = ["---"] * self.labels + ["---:"] * (len(self.header) - self.labels)
        lines = [self.header, rule, *self._without_repeats()]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{self.caption}\n\n{table}\n"

    def latex(self) -> str:
        """A floating table that needs no package."""
        columns = "l" * self.labels + "r" * (len(self.header) - self.labels)
        lines = [rf"{' & '.join(map(_latex, row))} \\" for row in self._without_repeats()]
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{_latex(self.caption)}}}",
                rf"\begin{{tabular}}{{{columns}}}",
                r"\hline",
                rf"{' & '.join(map(_latex, self.header))} \\",
                r"\hline",
                *lines,
                r"\hline",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )

    def write(self, folder: Path) -> list[Path]:
        """Write `name`.md, .csv and .tex into a folder; returns the three paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{self.name}.{suffix}" for suffix in ("md", "csv", "tex")]
        paths[0].write_text(self.markdown(), encoding="utf-8")
        write_csv(self.numbers, paths[1])
        paths[2].write_text(self.latex(), encoding="utf-8")
        return paths

    def _without_repeats(self) -> list[list[str]]:
        lines, above = [], [""] * self.labels
        for row in self.rows:
            names = list(row[: self.labels])
            new = next((i for i in range(self.labels) if names[i] != above[i]), self.labels)
            lines.append([""] * new + names[new:] + list(row[self.labels :]))
            above = names
        return lines


def sizes(frame: pd.DataFrame, quantity: str = "parameters") -> Table:
    """Table 1: the parameters (or `macs`) of every network, in millions.

    Pruners that leave the same number at every sparsity share a row, as in the paper.
    """
    keys = ["dataset", "architecture", "pruner", "sparsity"]
    numbers = shown(frame).dropna(subset=quantity)
    numbers = numbers.groupby(keys, sort=False, as_index=False)[["parameters", "macs"]].mean()
    decimals = 2 if numbers[quantity].min() >= 1e5 else 4
    header, rows = _by_sparsity(
        numbers, keys[:3], lambda record: _cell(record[quantity] / 1e6, decimals)
    )
    sharing: dict[tuple[str, ...], list[str]] = {}
    for dataset, architecture, pruner, *cells in rows:
        sharing.setdefault((dataset, architecture, *cells), []).append(pruner)
    rows = [[*key[:2], ", ".join(pruners), *key[2:]] for key, pruners in sharing.items()]
    what = "Parameters" if quantity == "parameters" else "Multiply-accumulates (MACs) of one image"
    caption = (
        f"{what}, in millions, at sparsities s. Where the networks of the uncertainty methods "
        "differ, their mean."
    )
    name = "sizes" if quantity == "parameters" else quantity
    return Table(name, caption, header, rows, numbers, labels=3)


def accuracy_table(frame: pd.DataFrame, dataset: str, architecture: str, metric: str) -> Table:
    """Tables 2 to 7: accuracy/metric of every pruner and uncertainty method, scaled as printed.

    In tables of the AUSE a dagger marks what ranks the images no better than chance.
    """
    numbers = _of(shown(frame), dataset, architecture)
    ranking = metric == "ause"

    def cell(record: dict[str, Any]) -> str:
        text = f"{_cell(100 * record['accuracy'], 2)}/{_cell(10 * record[metric], 3)}"
        return text + _dagger(record) if ranking else text

    caption = f"accuracy in % / {display(metric)} × 10 (0.319 means 0.0319), at sparsities s."
    return _table(
        numbers,
        metric,
        f"{caption} {_about_dagger(numbers)}" if ranking else caption,
        *_by_sparsity(numbers, ["pruner", "uncertainty"], cell),
        columns=["accuracy", metric, *(["random_level", "ause_over_random"] if ranking else [])],
    )


def random_table(frame: pd.DataFrame, dataset: str, architecture: str) -> Table:
    """How the AUSE stands to that of a random order of the images."""
    numbers = _of(shown(frame), dataset, architecture)
    caption = (
        "AUSE ÷ AUSE of a random order of the images, at sparsities s: 0 ranks like the oracle, 1 "
        f"like chance. {_about_dagger(numbers)}"
    )
    return _table(
        numbers,
        "ause-over-random",
        caption,
        *_by_sparsity(
            numbers,
            ["pruner", "uncertainty"],
            lambda record: _cell(record["ause_over_random"], 2) + _dagger(record),
        ),
        columns=["ause", "random_level", "ause_over_random"],
    )


def interval_table(
    frame: pd.DataFrame, dataset: str, architecture: str, metrics: Sequence[str]
) -> Table:
    """Every metric, unscaled, with its 95 % bootstrap interval."""
    numbers = _of(shown(frame), dataset, architecture)

    def cell(record: dict[str, Any], metric: str) -> str:
        value, low, high = (record[metric + bound] for bound in ("", "_low", "_high"))
        return _cell(value, 4) + ("" if np.isnan(low) else f" [{low:.4f}, {high:.4f}]")

    header: list[str] = []
    rows: list[list[str]] = []
    for metric in metrics:
        header, found = _by_sparsity(
            numbers, ["pruner", "uncertainty"], partial(cell, metric=metric)
        )
        rows += [[display(metric), *row] for row in found]
    caption = (
        "95 % intervals, at sparsities s. They resample the test images, so they hold for these "
        "trained networks: how far another training would land is not in them."
    )
    columns = [metric + bound for metric in metrics for bound in ("", "_low", "_high")]
    header = ["Metric", *header]
    return _table(numbers, "intervals", caption, header, rows, columns=columns, labels=3)


def definition_table(frame: pd.DataFrame, dataset: str, architecture: str) -> Table:
    """The AUSE by every definition of uncertainty that was scored, as means over the pruners."""
    keys = ["dataset", "architecture", "uncertainty", "definition", "sparsity"]
    rows = _of(frame, dataset, architecture)
    rows = rows[(rows["member"] == 0) & rows["metric"].isin(["ause", "ause_over_random"])]
    means = rows.groupby([*keys, "metric"], sort=False)["value"].mean().unstack()
    numbers = means.loc[rows.set_index(keys).index.unique()].reset_index()
    caption = (
        "AUSE by definition of the uncertainty, in brackets AUSE ÷ AUSE of a random order; means "
        "over the pruners, at sparsities s."
    )
    return _table(
        numbers,
        "definitions",
        caption,
        *_by_sparsity(
            numbers,
            ["uncertainty", "definition"],
            lambda record: f"{_cell(record['ause'], 4)} ({_cell(record['ause_over_random'], 2)})",
        ),
        columns=["ause", "ause_over_random"],
    )


def member_table(
    frame: pd.DataFrame,
    dataset: str,
    architecture: str,
    metrics: Sequence[str],
    resamples: Resamples | None = None,
) -> Table:
    """Mean and standard deviation over the members of methods that were scored for several.

    Where they were resampled, the mean has a 95 % interval over images and members.
    """
    keys = ["dataset", "architecture", "metric", "pruner", "uncertainty", "sparsity"]
    rows = _of(frame, dataset, architecture)
    rows = pd.concat([rows[rows["default"] & (rows["metric"] == metric)] for metric in metrics])
    numbers = rows.groupby(keys, sort=False)["value"].agg(["mean", "std", "count"]).reset_index()
    numbers = numbers[numbers["count"] > 1]
    bounds = [_member_interval(record, resamples or {}) for record in numbers.to_dict("records")]
    numbers[["low", "high"]] = np.reshape(bounds, (-1, 2))

    def cell(record: dict[str, Any]) -> str:
        text = f"{_cell(record['mean'], 4)} ± {_cell(record['std'], 4)}"
        low, high = record["low"], record["high"]
        return text if np.isnan(low) else f"{text} [{low:.4f}, {high:.4f}]"

    return _table(
        numbers,
        "members",
        "mean ± standard deviation over networks trained from different seeds, at sparsities s. In "
        "brackets the 95 % interval of the mean, which resamples the test images and the networks; "
        "of so few networks it is rather narrow.",
        *_by_sparsity(numbers, ["metric", "pruner", "uncertainty"], cell),
        columns=["metric", "mean", "std", "count", "low", "high"],
        labels=3,
    )


def _member_interval(record: dict[Hashable, Any], resamples: Resamples) -> tuple[float, float]:
    names = [record[key] for key in KEYS if key != "member"]
    members = [resamples.get((*names, member), {}) for member in range(record["count"])]
    if not all(record["metric"] in member for member in members):
        return np.nan, np.nan
    drawn = np.stack([member[record["metric"]] for member in members])
    return percentile_interval(resample_members(drawn))


def metric_table(frame: pd.DataFrame, dataset: str, architecture: str) -> Table:
    """Every metric of every combination, one row a combination."""
    numbers = _of(scored(frame), dataset, architecture)
    metrics = [metric for metric in frame["metric"].unique() if numbers[metric].notna().any()]
    rows = [
        [display(record["pruner"]), f"{record['sparsity']:g}", display(record["uncertainty"])]
        + [_cell(record[metric], 4) for metric in metrics]
        for record in numbers.to_dict("records")
    ]
    header = ["Pruner", "Sparsity", "Uncertainty", *map(display, metrics)]
    caption = "every metric, as fractions."
    return _table(numbers, "metrics", caption, header, rows, columns=metrics, labels=3)


def stem(*names: str) -> str:
    """A file name without suffix from names of a study."""
    return "-".join(re.sub(r"[^\w.-]+", "-", name) for name in names)


def _table(
    numbers: pd.DataFrame,
    kind: str,
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    columns: Sequence[str],
    labels: int = 2,
) -> Table:
    dataset, architecture = numbers[["dataset", "architecture"]].iloc[0]
    keys = ["dataset", "architecture", "pruner", "uncertainty", "definition", "sparsity"]
    return Table(
        stem(dataset, architecture, kind.replace("_", "-")),
        f"{display(dataset)}, {display(architecture)}: {caption}",
        header,
        rows,
        numbers[[*(key for key in keys if key in numbers), *columns]],
        labels,
    )


def _by_sparsity(
    numbers: pd.DataFrame, labels: Sequence[str], cell: Callable[[dict[str, Any]], str]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table with a column for every sparsity."""
    sparsities = sorted(numbers["sparsity"].unique())
    found: dict[tuple[str, ...], dict[float, str]] = {}
    for record in numbers.to_dict("records"):
        row = found.setdefault(tuple(record[label] for label in labels), {})
        row[record["sparsity"]] = cell({str(key): value for key, value in record.items()})
    header = [*map(str.capitalize, labels), *(f"s = {sparsity:g}" for sparsity in sparsities)]
    return header, [
        [
            *(display(name, label) for name, label in zip(names, labels, strict=True)),
            *(cells.get(sparsity, MISSING) for sparsity in sparsities),
        ]
        for names, cells in found.items()
    ]


def _of(frame: pd.DataFrame, dataset: str, architecture: str) -> pd.DataFrame:
    return frame[(frame["dataset"] == dataset) & (frame["architecture"] == architecture)]


def _cell(value: float, decimals: int) -> str:
    return MISSING if np.isnan(value) else f"{value:.{decimals}f}"


def _dagger(record: dict[str, Any]) -> str:
    return "†" if record["ause_over_random"] >= 1 else ""


def _about_dagger(numbers: pd.DataFrame) -> str:
    marked = int((numbers["ause_over_random"] >= 1).sum())
    closed = (numbers["definition"] == PRINTED).all()
    how = " (here in closed form, for a perfect oracle)" if closed else ""
    return (
        f"† The AUSE reaches that of a random order{how}: the uncertainty ranks the images no "
        f"better than chance, in {marked} of {len(numbers)} cells."
    )


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)
