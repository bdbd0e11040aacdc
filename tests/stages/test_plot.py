"""Two processes that draw into one folder."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.cache import files, paths
from pipeline.errors import PipelineError
from pipeline.report import drawn, page
from pipeline.running.plan import Plan
from pipeline.stages import plot

STUDY = {
    "study": "tiny", "datasets": ["digits"], "architectures": ["resnet18"], "pruners": ["l1"],
    "sparsities": [0.5], "uncertainties": ["ensemble"], "ensemble_size": 2,
}  # fmt: skip

HOLD = """
import sys
from pathlib import Path
from typing import Any
from pipeline.running.locks import only_one
with only_one(Path(sys.argv[1]), "drawn", sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan whose page is one file that says what is drawn."""

    def write(scores: object, folder: Path, **figures: Any) -> list[Path]:
        assert figures.pop("about").name == "tiny"
        (folder / "results.csv").write_text(str(figures))
        return [folder / "results.csv"]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(page, "write", write)
    monkeypatch.setattr(plot, "_scores", lambda plan: [])
    return Plan.load(STUDY)


def test_only_one_marker_is_there_and_it_is_true(plan: Plan) -> None:
    other = Plan.load(STUDY | {"figures": {"dpi": 50}})
    for each in (plan, other, plan):
        assert plot.run(each) == [each.study_folder / "results.csv"]
        assert list(plan.study_folder.glob(".plot~*")) == [each.marker]
        assert drawn.check(each.marker) == [each.study_folder / "results.csv"]


def test_what_is_drawn_already_is_not_drawn_again(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plot.run(plan)
    monkeypatch.setattr(page, "write", lambda *_, **__: pytest.fail("drawn again"))
    assert plot.run(plan) == [plan.study_folder / "results.csv"]


def test_what_was_edited_since_is_drawn_again(plan: Plan) -> None:
    plot.run(plan)
    (plan.study_folder / "results.csv").write_text("edited")
    plot.run(plan)
    assert (plan.study_folder / "results.csv").read_text() == "{'notes': []}"


def test_while_another_study_is_drawn_this_one_is_refused_and_touches_nothing(plan: Plan) -> None:
    other = Plan.load(STUDY | {"figures": {"dpi": 50}})
    plot.run(other)
    lock = str(plan.study_folder / ".lock")
    command = [sys.executable, "-c", HOLD, lock, other.marker.name]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(PipelineError, match=f"is being drawn by process {holder.pid}"):
            plot.run(plan)
        holder.communicate("")
    assert drawn.check(other.marker)
    assert not plan.marker.exists()


def test_artifacts_of_different_versions_are_told(plan: Plan) -> None:
    versions = iter(["2.6", "2.7"])
    for folder, spec in plan.nodes.items():
        if spec.stage == "train":
            content = {"versions": {"torch": next(versions)}}
            files.write_json(plan.root("train") / folder / paths.PROVENANCE, content)
    plot.run(plan)
    drawn_with = (plan.study_folder / "results.csv").read_text()
    assert "- made with different versions of torch: 2.6 (1), 2.7 (1)" in drawn_with
