"""What all tables share: their three forms, and rows with a column for each sparsity.

Cells are scaled as the captions say, and "–" stands for what is missing or undefined; the CSV
beside each table holds the plain numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.names import display
from pipeline.report.replicates import trainings
from pipeline.report.results import write_csv
from pipeline.report.view import View

MISSING = "–"

# A row of a frame, by column.
Record = dict[str, Any]

LATEX = {
    **{character: rf"\{character}" for character in "&%_#$"},
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "≤": r"$\leq$",
    "÷": r"$\div$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
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


def network_table(
    view: View,
    kind: str,
    caption: str,
    numbers: pd.DataFrame,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    columns: Sequence[str],
    labels: int = 2,
) -> Table:
    """A table of one data set and architecture, with what names its rows and `columns` as CSV.

    The caption ends with how many trainings the numbers rest on; where these are several, the CSV
    has the deviation ``…_std`` of each column.
    """
    if view.replicates > 1:
        columns = [
            name
            for column in columns
            for name in (column, f"{column}_std")
            if name == column or name in numbers
        ]
    keys = ["dataset", "architecture", "pruner", "uncertainty", "definition", "sparsity"]
    return Table(
        view.stem(kind.replace("_", "-")),
        f"{view.title}: {caption} {trainings(view.replicates)}",
        header,
        rows,
        numbers[[*(key for key in keys if key in numbers), *columns]],
        labels,
    )


def by_sparsity(
    numbers: pd.DataFrame, labels: Sequence[str], cell: Callable[[Record], str]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table with a column for every sparsity, its cells from `cell`."""
    sparsities = sorted(numbers["sparsity"].unique())
    found: dict[tuple[str, ...], dict[float, str]] = {}
    for record in records(numbers):
        row = found.setdefault(tuple(record[label] for label in labels), {})
        row[record["sparsity"]] = cell(record)
    header = [*map(str.capitalize, labels), *(f"s = {sparsity:g}" for sparsity in sparsities)]
    return header, [
        [
            *(display(str(name), label) for name, label in zip(names, labels, strict=True)),
            *(cells.get(sparsity, MISSING) for sparsity in sparsities),
        ]
        for names, cells in found.items()
    ]


def records(frame: pd.DataFrame) -> list[Record]:
    """The rows of a frame."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def number(value: float, decimals: int) -> str:
    """A number as a cell shows it."""
    return MISSING if np.isnan(value) else f"{value:.{decimals}f}"


def measured(record: Record, metric: str, decimals: int, scale: float = 1.0) -> str:
    """A metric as a cell shows it, ± its standard deviation over replicates if it has one."""
    text = number(scale * record[metric], decimals)
    deviation = record.get(f"{metric}_std", np.nan)
    return text if np.isnan(deviation) else f"{text} ± {number(scale * deviation, decimals)}"


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)
