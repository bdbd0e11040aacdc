"""The page of a study as one HTML file that needs nothing but itself.

    >>> text = render(content)

The page asks the network for nothing, and its content security policy forbids it to: what may run
and what may style it is named by its SHA-256. Every name is text: templates escape, the script
writes text nodes alone, and matplotlib's SVG is taken apart and put together again (`svg`).
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from pipeline.report.about import About
from pipeline.report.findings import Findings, corrections
from pipeline.report.html import explorer, settings, text
from pipeline.report.html.rows import Rows
from pipeline.report.html.svg import Styles, inline
from pipeline.report.table import Table

DATA_FILES = ("page.html.jinja", "parts.html.jinja", "page.css", "page.js")

HERE = Path(__file__).parent
# Tables that stand among the settings.
SIZES = ("sizes", "macs")
# A page with more bytes of figures takes long to open: further ones are left to their files.
LARGEST_FIGURES = 5_000_000


@dataclass(frozen=True)
class Drawn:
    """A figure: its name, what it shows, its SVG, and the files beside the page that hold it."""

    name: str
    title: str
    caption: str
    svg: str
    files: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """Figures and tables of the same data set, or the same network."""

    title: str
    figures: list[Drawn] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


@dataclass(frozen=True)
class Content:
    """What the page shows.

    Attributes:
        about: the study beside its numbers.
        found: what it found.
        comparisons: the table behind that.
        notes: what else to know, in Markdown.
        reading: how to read the page, in Markdown.
        sections: figures and tables.
        paper: tables beside the paper's numbers, after `paper_reading`, in Markdown.
        paper_reading: how to read them.
        rows: the table of all combinations.
        explorer: the data of the interactive figure.
    """

    about: About
    found: Findings
    comparisons: Table | None
    notes: Sequence[str]
    reading: str
    sections: Sequence[Section]
    paper: Sequence[Table]
    paper_reading: str
    rows: Rows
    explorer: Mapping[str, Any]


def render(content: Content) -> str:
    """The page; equal content gives equal bytes."""
    styles = Styles()
    figures = _inline(content.sections, styles)
    css = "\n".join(
        [
            _read("page.css")
            .replace("/*light*/", styles.light())
            .replace("/*dark*/", styles.dark()),
            styles.css(),
        ]
    )
    script = _read("page.js")
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(css)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            content=content,
            title=content.about.name or "A study of pruning and uncertainty",
            policy=policy,
            css=Markup(css),
            script=Markup(script),
            data=Markup(explorer.as_json(content.explorer)),
            figures=figures,
            anchors={*figures, *(table.name for each in content.sections for table in each.tables)},
            corrections=corrections(content.found.families),
            settings=settings.listed(content.about.settings),
            yaml=yaml.safe_dump(dict(content.about.settings), sort_keys=False, allow_unicode=True),
            origins=content.about.origins,
            sizes=[
                table
                for section in content.sections
                for table in section.tables
                if table.name in SIZES
            ],
        )
    )


def _inline(sections: Sequence[Section], styles: Styles) -> dict[str, Markup | None]:
    """Each figure's element by its name; None where the page would become too large."""
    found: dict[str, Markup | None] = {}
    size = 0
    for section in sections:
        for figure in section.figures:
            if size < LARGEST_FIGURES:
                label = f"{figure.title}. {figure.caption}"
                element = inline(figure.svg, f"f{len(found)}", label, styles)
                size += len(element)
                found[figure.name] = Markup(element)
            else:
                found[figure.name] = None
    return found


def _environment() -> jinja2.Environment:
    templates = {name: _read(name) for name in DATA_FILES if name.endswith(".jinja")}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"inline": text.inline, "blocks": text.blocks, "hours": settings.hours}
    return environment


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
