"""Snakemake's own report shows what is drawn, by heading."""

import re
from html.parser import HTMLParser
from pathlib import Path

from support import Project, jobs

from pipeline.report import drawn

DRAWN = {
    "figures/digits-over-sparsity.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "figures/digits-over-sparsity.png": "a picture",
    "tables/digits-resnet18-ause.csv": "pruner,0.5\nl1,0.1\n",
    "tables/digits-resnet18-ause.md": "| pruner | 0.5 |",
    "results.csv": "metric,value\naccuracy,0.5\n",
    "report.md": "# Results",
}


class Scripts(HTMLParser):
    """The text of a page's scripts, in which a report keeps what it shows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(page)

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script":
            self.text += data


def test_a_report_holds_what_is_drawn(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.pretend()
    marker = project.plan().marker
    folder = marker.parent
    status, printed = project.dry_run("--report", "shown.html")
    assert status == 1
    assert printed.splitlines()[-1].startswith("study: --report shows what is drawn, and ")
    for name, content in DRAWN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    drawn.sign(marker, [folder / name for name in DRAWN])

    status, printed = project.dry_run("--report", "shown.html")
    assert status == 0, printed
    scripts = Scripts((tmp_path / "shown.html").read_text()).text
    found = set(re.findall(r'"name": "([^"]*\.[a-z]+)"', scripts))
    # Of a figure in two formats, the better; no Markdown, which a browser does not show.
    assert found == {"digits-over-sparsity.svg", "digits-resnet18-ause.csv", "results.csv"}
    for words in (
        "Figures",
        "Tables",
        "All numbers",
        "digits over sparsity",
        "says how to read it",
    ):
        assert words in scripts
    # Nothing is planned or declared otherwise: a figure that somebody deletes makes no job.
    (folder / "figures/digits-over-sparsity.svg").unlink()
    assert project.planned() == jobs("")
