"""What Snakemake is told: files, what they are made from, and what is asked for."""

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import TINY

from pipeline.cache import paths
from pipeline.cache.specs import Finetune, Infer, Spec
from pipeline.errors import PipelineError
from pipeline.running.plan import Plan
from pipeline.running.rules import Rules

PLACE = "digits/resnet18/plain-0/l1-0.5"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return Plan.load(TINY)


def only(plan: Plan, kind: type[Spec], place: str = PLACE) -> Spec:
    (found,) = [
        spec for spec in plan.nodes.values() if isinstance(spec, kind) and spec.place == place
    ]
    return found


def write(files: Sequence[str | Path]) -> None:
    for file in map(Path, files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def inputs(plan: Plan, spec: Spec, **settings: bool) -> list[str]:
    wildcards = SimpleNamespace(place=spec.place, fingerprint=spec.fingerprint)
    return Rules(plan, **settings).inputs(spec.stage)(wildcards)


def test_an_artifact_that_is_there_is_made_from_nothing(plan: Plan) -> None:
    infer = only(plan, Infer)
    made_from = [*plan.files(only(plan, Finetune)), *plan.files(infer.model.model.model.data)]
    assert inputs(plan, infer) == made_from
    write(plan.files(infer)[:-1])
    assert inputs(Plan.load(TINY), infer) == made_from
    write(plan.files(infer))
    assert inputs(Plan.load(TINY), infer) == []
    assert inputs(plan, infer, whole=True) == made_from


def test_another_studys_artifact_is_refused(plan: Plan) -> None:
    longer = Plan.load(TINY | {"finetune": {"epochs": 2}})
    with pytest.raises(PipelineError, match=r"finetune~\w+ is not in this plan"):
        inputs(plan, only(longer, Finetune))


def test_what_is_asked_for(plan: Plan) -> None:
    rules, marker = Rules(plan), str(plan.marker)
    assert rules.report == [marker]
    write(["artifacts/studies/tiny/results.csv", marker, *rules.scores])
    assert rules.report == [marker]
    lost = plan.files(plan.combinations[4].score)
    Path(lost[1]).unlink()
    assert rules.report == [marker, *lost]


def test_a_marker_without_its_numbers_goes(plan: Plan) -> None:
    write([str(plan.marker), *Rules(plan).scores])
    assert Rules(plan).report == [str(plan.marker)]
    assert not plan.marker.exists()


def test_what_cannot_be_looked_at_is_not_missing(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str | Path, **_: bool) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    infer, rules = only(plan, Infer), Rules(plan)
    assert not plan.is_there(infer)
    with monkeypatch.context() as patch:
        patch.setattr(paths.os, "stat", refuse)
        with pytest.raises(PipelineError, match=r"predictions\.safetensors: Permission denied$"):
            plan.is_there(infer)
        with pytest.raises(PipelineError, match=r"Permission denied$"):
            rules.refuse([], [])


def test_places(plan: Plan) -> None:
    rules = Rules(plan)
    files = [file.split("~")[0] + "/" + file.split("/")[-1] for file in rules.at(PLACE)]
    assert sorted(files) == [
        f"artifacts/{PLACE}/finetune/manifest.json",
        f"artifacts/{PLACE}/finetune/model.safetensors",
        f"artifacts/{PLACE}/infer/manifest.json",
        f"artifacts/{PLACE}/infer/predictions.safetensors",
        f"artifacts/{PLACE}/prune/manifest.json",
        f"artifacts/{PLACE}/prune/model.safetensors",
        f"artifacts/{PLACE}/prune/report.json",
    ]
    assert rules.at(f"{PLACE}/") == rules.at(f"artifacts/{PLACE}") == rules.at(PLACE)
    assert rules.at("digits/resnet18") == rules.at("all") == rules.at("") == []


def test_which_targets_draw(plan: Plan) -> None:
    rules = Rules(plan)
    drawn = str(plan.report_files[0])
    asked = [[], ["all"], ["plot"], ["predictions", "tables"], [drawn], [f"./{drawn}"]]
    assert not any(rules.draws(targets) for targets in asked)
    write(plan.report_files)
    assert all(rules.draws(targets) for targets in asked)
    assert not rules.draws(["predictions"])
    assert not rules.draws(["compare", PLACE])


@pytest.mark.parametrize("root", ["artifacts", "elsewhere", "absolute"])
def test_what_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.chdir(tmp_path)
    folder = str(tmp_path / "a") if root == "absolute" else root
    plan = Plan.load(TINY | {"artifacts": folder})
    file = plan.files(only(plan, Infer))[0]
    cached = ["train", PLACE, file, f"./{file}" if root != "absolute" else file]
    free = ["all", "plot", "figures", str(plan.marker), "digits/resnet18", "x~00000000/y"]
    rules = Rules(plan)
    rules.refuse(cached, forced=free)
    for target in cached:
        with pytest.raises(PipelineError, match=f"^{re.escape(target)}: -R and -f make nothing"):
            rules.refuse([], forced=[*free, target])


def test_folders_that_climb_are_absolute(plan: Plan, tmp_path: Path) -> None:
    """Snakemake keeps its backups of ``../x`` outside of the folder for backups."""
    assert Plan.load(TINY | {"artifacts": "../big"}).artifacts == tmp_path.parent / "big"
    other = Plan.load(TINY | {"artifacts": "big", "output": "here/../drawn"})
    assert (other.artifacts, other.switches.output) == (Path("big"), tmp_path / "drawn")
    assert other.marker.name == plan.marker.name
