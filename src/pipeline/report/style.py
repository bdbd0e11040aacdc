"""What all figures share: colours, markers, labels and saving; `panels` lays them out.

Colours are those of Okabe and Ito, then of Tol's muted set, which colour-blind readers can tell
apart; where there are few, shapes and lines differ as well.
"""

import io
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import cycle
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from pipeline.errors import PipelineError
from pipeline.metrics import catalogue
from pipeline.report.names import UNPRUNED, display

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, GREY, BLACK = "#E69F00", "#56B4E9", "#8A8A8A", "#000000"
COLOURS = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY]
COLOURS += ["#882255", "#999933", "#332288", "#661100", "#44AA99", "#777777"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
DASHES = ["-", "--", ":", "-."]
# Of correlations: white is none, and both directions differ for colour-blind readers.
DIVERGING = LinearSegmentedColormap.from_list("correlation", [VERMILLION, "#FFFFFF", BLUE])

SETTINGS: Any = {
    # The other names are for readers' machines: an SVG's text is drawn where it is read.
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    # A name may hold what looks like mathematics.
    "text.parse_math": False,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    # Text stays text, so that an SVG can be searched and edited.
    "svg.fonttype": "none",
    "svg.hashsalt": "pipeline",
}

# Without these, files would carry the date or the version that wrote them.
METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make a drawing function use :data:`SETTINGS`, whatever the caller's are."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(SETTINGS):
            return draw(*args, **kwargs)

    return drawn


def save(
    figure: Figure, path: Path, formats: Sequence[str] = ("svg", "png"), dpi: int = 150
) -> list[Path]:
    """Write a figure in each format to `path` plus suffix; equal figures give equal bytes.

    Raises:
        PipelineError: a format is not one of svg, png, pdf.
    """
    for name in formats:
        if name not in METADATA:
            raise PipelineError(f"unknown figure format {name!r}; known: {', '.join(METADATA)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    paths = [path.with_name(f"{path.name}.{name}") for name in formats]
    with matplotlib.rc_context(SETTINGS):
        for name, file in zip(formats, paths, strict=True):
            figure.savefig(file, format=name, dpi=dpi, metadata=METADATA[name])
    return paths


def as_svg(figure: Figure) -> str:
    """What `save` would write as SVG."""
    buffer = io.StringIO()
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(buffer, format="svg", metadata=METADATA["svg"])
    return buffer.getvalue()


def repeated(kinds: Sequence[str], count: int) -> list[str]:
    """The first `count` of some colours or markers, which begin anew where they end."""
    return [kinds[at % len(kinds)] for at in range(count)]


def looks(names: Sequence[str], kinds: Sequence[str]) -> dict[str, str]:
    """The colour, marker or dash of each name, by their order in the whole study."""
    others = [name for name in names if name != UNPRUNED]
    return {UNPRUNED: kinds[0]} | dict(zip(others, cycle(kinds), strict=False))


def label(metric: str) -> str:
    """An axis label: the metric, its unit, and which way is better, if either is."""
    unit = " (%)" if metric == "accuracy" else ""
    known = catalogue.find(metric)
    name = f"{display(metric, 'metric')}{unit}"
    if known and known.higher_is_better is None:
        return name
    return f"{name}, {'higher' if known and known.higher_is_better else 'lower'} is better"
