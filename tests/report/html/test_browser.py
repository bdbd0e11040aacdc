"""The page in a browser: Debian's chromium, without a network.

Where chromium is not installed these tests are skipped, unless REQUIRE_BROWSER is set.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_up
import pandas as pd
import pytest

from pipeline.report import page, results
from pipeline.report.about import About, Origins
from pipeline.report.findings import find
from pipeline.report.html import Content, explorer, render
from pipeline.report.html.rows import rows
from pipeline.report.view import View

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = '"><img src=x onerror="document.title=\'run\'"> $\\no$ `*b*`'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists() and not os.environ.get("REQUIRE_BROWSER"):
        pytest.skip(f"{CHROMIUM} is not installed")
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small study, one of whose pruners has a hostile name."""
    folder = tmp_path_factory.mktemp("study")
    scores = made_up.grid(folder / "scores", pruners=["random", "l1", HOSTILE], resamples=20)
    origins = Origins(
        [{"stage": "train", "artifacts": 2, "known": 1, "wall_seconds": 30.0, "cpu_seconds": None,
          "first": "2026-01-01", "last": "2026-01-02"}],
        {"Device": {HOSTILE: 1}},
        {"stages.train": "abc"},
        {"same": 3, "other": 1, "gone": 0},
    )  # fmt: skip
    about = About(HOSTILE, {"study": HOSTILE, "datasets": [HOSTILE]}, origins)
    page.write(scores, folder / "out", formats=["svg"], notes=[f"A note on {HOSTILE}"], about=about)
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 2,000 combinations, without figures."""
    pruned = [
        (f"pruner{i % 100}", (1 + i // 100) / 21, 0.9 - i / 5000, 0.05 + i / 9999)
        for i in range(1999)
    ]
    networks = [("none", 0.0, 0.91, 0.04), *pruned]
    frame = made_up.study(networks, 0.01)
    frame = pd.concat([frame, frame.assign(definition="entropy", default=False)])
    content = Content(
        about=About("large"),
        found=find(View(frame.query("pruner in ('none', 'pruner0', 'pruner1')"), metrics=["ause"])),
        comparisons=None,
        notes=[],
        reading="",
        sections=[],
        paper=[],
        paper_reading="",
        rows=rows(frame, ["ause", "ece"]),
        explorer=explorer.data(frame, []),
    )
    path = tmp_path_factory.mktemp("large") / "report.html"
    path.write_text(render(content), encoding="utf-8")
    return path


class Opened:
    """A page that notes what must not happen."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(dialog.message))
        self.page.on("request", lambda request: self.faults.append(request.url))
        self.page.goto(path.as_uri())
        # The page itself is the only request.
        assert self.faults.pop(0) == path.as_uri()

    def click(self, locator: Any) -> None:
        """Click where the page stands still.

        Figures get their height when they come into view. If that moves the button between press
        and release, as on a busy machine, the browser sees no click.
        """
        locator.scroll_into_view_if_needed()
        while True:
            before = locator.bounding_box()
            self.page.evaluate("() => new Promise(after => setTimeout(after, 100))")
            if locator.bounding_box() == before:
                break
        locator.click()

    def column(self, table: str, at: int) -> list[str]:
        """The texts of a column's visible cells."""
        return [
            cell.inner_text().split("\n")[0].strip()
            for cell in self.page.locator(f"{table} tbody tr:visible > :nth-child({at + 1})").all()
        ]


@pytest.fixture(scope="module")
def wide(browser: Any, study: Path) -> Iterator[Opened]:
    """Opened once: the tests only read it, or set back what they change."""
    found = Opened(browser, study, viewport={"width": 1280, "height": 900})
    yield found
    found.context.close()


def test_it_asks_for_nothing_and_complains_of_nothing(wide: Opened) -> None:
    wide.page.wait_for_load_state("networkidle")
    assert wide.faults == []
    policy = wide.page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def test_a_hostile_name_is_text_everywhere(wide: Opened) -> None:
    # Of every kind: headings, findings, settings, figures, tables, provenance, controls.
    for selector in ("h1", ".summary", ".note", "#study dl", "#study pre", "#t-results",
                     "#ex-toggles", "#provenance", "figure svg text"):  # fmt: skip
        texts = " ".join(wide.page.locator(selector).all_text_contents())
        assert "<img src=x onerror=" in texts, selector
    wide.page.locator("#explorer select").nth(2).select_option(label="AUSE")
    wide.page.locator(".mark").last.focus()
    assert wide.page.locator("img").count() == 0
    assert "run" not in wide.page.title().split()
    assert wide.faults == []


def test_columns_sort_by_mouse_and_keyboard(wide: Opened) -> None:
    head = wide.page.locator("#t-results thead th", has_text="Accuracy")
    at = wide.page.locator("#t-results thead th").all_inner_texts().index("Accuracy")
    wide.click(head.locator("button"))
    assert head.get_attribute("aria-sort") == "ascending"
    values = [float(text) for text in wide.column("#t-results", at)]
    assert values == sorted(values)
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(text) for text in wide.column("#t-results", at)] == sorted(values, reverse=True)
    wide.click(wide.page.locator("#t-results thead button").nth(1))
    assert wide.page.locator("#t-results th[aria-sort]").count() == 1


def test_rows_are_filtered_by_their_keys(wide: Opened) -> None:
    count = wide.page.locator("#t-count")
    assert count.inner_text() == "14 of 14 rows"
    pruner = wide.page.locator("#t-controls select").first
    pruner.select_option(label="L1")
    assert count.inner_text() == "4 of 14 rows"
    assert set(wide.column("#t-results", 1)) == {"L1"}
    pruner.select_option(label="all")
    assert count.inner_text() == "14 of 14 rows"


def test_the_figure_lists_all_that_overlap(wide: Opened) -> None:
    selects = wide.page.locator("#ex-controls select")
    labels = wide.page.locator("#ex-controls label").all_inner_texts()
    assert [label.split("\n")[0] for label in labels] == [
        "Data set", "Network", "Metric", "Definition of uncertainty", "Over",
    ]  # fmt: skip
    selects.nth(2).select_option(label="AUSE")
    definitions = selects.nth(3).locator("option").all_inner_texts()
    assert definitions[0] == "each method's default"
    # The unpruned networks of both methods are made equal.
    marks = wide.page.locator(".mark")
    assert marks.count() == 14
    # The list has its room before it is filled: what stands below must not jump as the mouse moves.
    below = "document.querySelector('#results').getBoundingClientRect().y + scrollY"
    at = wide.page.evaluate(below)
    marks.first.focus()
    assert wide.page.evaluate(below) == at
    listed = wide.page.locator("#ex-list tbody tr")
    assert listed.count() == 2
    text = listed.first.inner_text()
    assert "Unpruned, sparsity 0, MSP" in text
    assert "0.03" in text
    assert "[0.022, 0.038]" in text
    assert "1 − p[ŷ]" in text
    assert "digits/resnet18/msp/none-0.0" in text
    # The same by pointing at it.
    wide.page.keyboard.press("ArrowRight")
    wide.page.keyboard.press("ArrowRight")
    assert "Unpruned" not in wide.page.locator("#ex-list").inner_text()
    marks.first.evaluate("""mark => {
        const { x, y, width, height } = mark.getBoundingClientRect();
        const clientX = x + width / 2, clientY = y + height / 2;
        mark.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX, clientY }));
    }""")
    assert listed.count() == 2


def test_definitions_and_pruners_can_be_chosen(wide: Opened) -> None:
    selects = wide.page.locator("#ex-controls select")
    selects.nth(2).select_option(label="AUSE")
    selects.nth(3).select_option(label="entropy")
    # MSP has no entropy.
    assert wide.page.locator(".mark").count() == 7
    assert "MSP" not in " ".join(wide.page.locator(".mark").evaluate_all(
        "each => each.map(one => one.getAttribute('aria-label'))"))  # fmt: skip
    box = wide.page.locator("#ex-toggles label", has_text="L1").locator("input")
    box.uncheck()
    assert wide.page.locator(".mark").count() == 5
    box.check()
    selects.nth(3).select_option(label="each method's default")
    assert wide.page.locator(".mark").count() == 14
    selects.nth(4).select_option(label="Parameters")
    assert "Parameters" in wide.page.locator("#ex-plot svg").text_content()


def test_links_of_findings_lead_somewhere(wide: Opened) -> None:
    targets = [link.get_attribute("href") for link in wide.page.locator("a[href^='#']").all()]
    assert {"#digits-over-sparsity", "#found", "#results"} <= set(targets)
    for target in set(targets):
        assert wide.page.locator(f"[id='{target[1:]}']").count() == 1, target
    ids = wide.page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_keeps_the_rules_of_accessibility(browser: Any, study: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # Axe is run in the page, which its policy would not allow.
    opened = Opened(browser, study, viewport={"width": 390, "height": 844}, color_scheme=scheme,
                    bypass_csp=True)  # fmt: skip
    opened.page.locator(".mark").first.focus()
    found = axe.run(opened.page)
    assert [
        (each["id"], each["nodes"][0]["html"][:200]) for each in found.response["violations"]
    ] == []
    # Nor does a phone scroll the page sideways.
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    # One column, which stays in place, has all keys.
    pinned = opened.page.locator("#t-results tbody th:visible")
    assert pinned.count() == 14
    assert pinned.nth(2).inner_text() == "Random · 0.4 · MSP"
    opened.page.locator("#results .scroll").evaluate("each => { each.scrollLeft = 200 }")
    assert 0 < pinned.first.bounding_box()["x"] < 30
    # Text of figures can be read on either paper.
    colour = "each => getComputedStyle(each).fill"
    ink = {"light": "rgb(28, 33, 38)", "dark": "rgb(237, 237, 237)"}[scheme]
    assert opened.page.locator(".mpl text").first.evaluate(colour) == ink
    opened.context.close()


def test_without_javascript_it_is_a_document(browser: Any, study: Path) -> None:
    opened = Opened(browser, study, java_script_enabled=False)
    assert "What this study found" in opened.page.locator("h2").first.inner_text()
    assert opened.page.locator("#t-results tbody tr:visible").count() == 14
    assert not opened.page.locator("#explorer").is_visible()
    assert not opened.page.locator("#t-controls").is_visible()
    assert "needs JavaScript" in opened.page.locator("#explore").inner_text()
    opened.context.close()


def test_2000_combinations_are_paged_and_printed_whole(browser: Any, large: Path) -> None:
    assert large.stat().st_size < 10_000_000
    opened = Opened(browser, large)
    assert opened.page.locator("#t-count").inner_text() == "2000 of 2000 rows, page 1 of 10"
    rows = opened.page.locator("#t-results tbody tr:visible")
    assert rows.count() == 200
    opened.click(opened.page.get_by_role("button", name="Next rows"))
    assert "page 2 of 10" in opened.page.locator("#t-count").inner_text()
    opened.page.locator("#t-controls select").first.select_option(label="pruner7")
    assert rows.count() == 20
    opened.page.emulate_media(media="print")
    assert rows.count() == 2000
    assert opened.faults == []
    opened.context.close()


def test_the_page_names_every_number_that_may_run(study: Path) -> None:
    text = study.read_text(encoding="utf-8")
    assert not re.search(r"<[^>]+ style=", text)
    assert not re.search(r"<[^>]+ on\w+=", re.sub(r"<script.*?</script>", "", text, flags=re.S))
    assert "http://" not in re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert text.count("<style") == 1


def test_the_page_does_not_say_where_on_this_machine_it_was_drawn(study: Path) -> None:
    assert str(study.parents[1]) not in study.read_text(encoding="utf-8")


def test_equal_scores_give_equal_bytes(study: Path, tmp_path: Path) -> None:
    scores = made_up.grid(tmp_path / "scores", pruners=["l1"], sparsities=[0.5])[:1]
    frame = results.tidy(scores)
    view = View(frame, scores, ["ause"], results.read_resamples(scores))
    content = Content(About("one"), find(view), None, [], "", [], [], "", rows(frame, ["ause"]),
                      explorer.data(frame, scores))  # fmt: skip
    assert render(content) == render(content)
