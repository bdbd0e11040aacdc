"""matplotlib's SVG within a page."""

import re

from matplotlib.figure import Figure

from pipeline.cache import closure
from pipeline.registry import PACKAGE
from pipeline.report import style
from pipeline.report.html.svg import Styles, in_the_dark, inline


@style.styled
def drawn(text: str) -> Figure:
    figure = Figure()
    ax = figure.add_subplot()
    ax.plot([0, 1], [0, 1], color="#332288", marker="o")
    ax.set_title(text)
    return figure


def test_two_figures_share_no_id_and_no_style_leaks() -> None:
    svg, styles = style.as_svg(drawn("a")), Styles()
    one, other = (inline(svg, key, "a line", styles) for key in ("f0", "f1"))
    ids = [set(re.findall(r' id="([^"]+)"', each)) for each in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for own, text in zip(ids, (one, other), strict=True):
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
        assert {a or b for a, b in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)} <= own
    assert "<style" not in one
    assert "style=" not in one
    assert "metadata" not in one


def test_text_stays_text_and_names_stay_inert() -> None:
    name = '<img src=x onerror=alert(1)> $\\nothing$ & "more"'
    text = inline(style.as_svg(drawn(name)), "f0", name, Styles())
    assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt; $\\nothing$ &amp;" in text


def test_colours_are_variables_that_the_dark_sets_anew() -> None:
    styles = Styles()
    inline(style.as_svg(drawn("a")), "f0", "a", styles)
    assert "var(--c-332288)" in styles.css()
    assert "#" not in styles.css()
    assert "--c-332288:#332288;" in styles.light()
    assert f"--c-332288:{in_the_dark('332288')};" in styles.dark()
    assert (in_the_dark("ffffff"), in_the_dark("000000")) == ("#1b1b1b", "#ededed")


def test_text_falls_back_to_a_font_that_is_there() -> None:
    svg, styles = style.as_svg(drawn("a")), Styles()
    assert "'DejaVu Sans', sans-serif" in svg
    inline(svg, "f0", "a", styles)
    assert "var(--figure-font)" in styles.css()
    assert "DejaVu" not in styles.css()


def test_a_declaration_that_could_be_more_than_one_is_left_out() -> None:
    styles = Styles()
    assert styles.name("fill: red} body {display: none") == ""
    assert styles.name("fill: url(</style>)") == ""
    assert styles.css() == ""


def test_templates_and_script_are_part_of_the_code_that_draws() -> None:
    reached = closure.reached(PACKAGE / "stages" / "plot.py")
    data = {file.name for module in reached for file in closure.data_files(module)}
    assert {"page.html.jinja", "parts.html.jinja", "page.css", "page.js"} <= data
