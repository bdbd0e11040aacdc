"""What Snakemake is told: files, what they are made from, and what is asked for."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import TINY

from pipeline.cache import paths
from pipeline.cache.specs import AnySpec, Finetune, Infer
from pipeline.errors import PipelineError
from pipeline.running.plan import Plan

PLACE = "digits/resnet18/plain-0/l1-0.5"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return Plan.load(TINY)


def only(plan: Plan, kind: type[AnySpec], place: str = PLACE) -> AnySpec:
    (found,) = [
        spec
        for spec in plan.nodes.values()
        if isinstance(spec, kind) and paths.place(spec) == place
    ]
    return found


def write(files: Sequence[str | Path]) -> None:
    for file in map(Path, files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def inputs(plan: Plan, spec: AnySpec) -> list[str]:
    wildcards = SimpleNamespace(place=paths.place(spec), fingerprint=spec.fingerprint)
    return plan.inputs(spec.stage)(wildcards)


def test_an_artifact_that_is_there_is_made_from_nothing(plan: Plan) -> None:
    infer = only(plan, Infer)
    made_from = [*plan.files(only(plan, Finetune)), *plan.files(infer.model.model.model.data)]
    assert inputs(plan, infer) == made_from
    write(plan.files(infer)[:-1])
    assert inputs(Plan.load(TINY), infer) == made_from
    write(plan.files(infer))
    assert inputs(Plan.load(TINY), infer) == []
    assert inputs(Plan.load(TINY, whole=True), infer) == made_from


def test_another_studys_artifact_is_refused(plan: Plan) -> None:
    longer = Plan.load(TINY | {"finetune": {"epochs": 2}})
    with pytest.raises(PipelineError, match=r"finetune~\w+ is not in this plan"):
        inputs(plan, only(longer, Finetune))


def test_what_is_asked_for(plan: Plan) -> None:
    drawn = ["artifacts/studies/tiny/results.csv", str(plan.marker)]
    assert plan.drawing == drawn
    write([*drawn, *plan.scores])
    assert plan.drawing == drawn
    lost = plan.files(plan.combinations[4].score)
    Path(lost[1]).unlink()
    assert plan.drawing == [*drawn, *lost]


def test_places(plan: Plan) -> None:
    files = [file.split("~")[0] + "/" + file.split("/")[-1] for file in plan.at(PLACE)]
    assert sorted(files) == [
        f"artifacts/{PLACE}/finetune/manifest.json",
        f"artifacts/{PLACE}/finetune/model.safetensors",
        f"artifacts/{PLACE}/infer/manifest.json",
        f"artifacts/{PLACE}/infer/predictions.safetensors",
        f"artifacts/{PLACE}/prune/manifest.json",
        f"artifacts/{PLACE}/prune/model.safetensors",
        f"artifacts/{PLACE}/prune/report.json",
    ]
    assert plan.at("digits/resnet18") == plan.at("all") == plan.at("") == []


@pytest.mark.parametrize("root", ["artifacts", "elsewhere", "absolute"])
def test_what_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.chdir(tmp_path)
    folder = str(tmp_path / "a") if root == "absolute" else root
    plan = Plan.load(TINY | {"artifacts": folder})
    file = plan.files(only(plan, Infer))[0]
    cached = ["train", PLACE, file, f"./{file}" if root != "absolute" else file]
    free = ["all", "plot", "figures", str(plan.marker), "digits/resnet18", "x~00000000/y"]
    assert plan.cached([*free, *cached]) == sorted(cached)
    assert plan.cached(free) == []


def test_folders_that_climb_are_absolute(plan: Plan, tmp_path: Path) -> None:
    """Snakemake keeps its backups of ``../x`` outside of the folder for backups."""
    assert Plan.load(TINY | {"artifacts": "../big"}).artifacts == tmp_path.parent / "big"
    other = Plan.load(TINY | {"artifacts": "big", "output": "here/../drawn"})
    assert (other.artifacts, other.output) == (Path("big"), tmp_path / "drawn")
    assert other.marker.name == plan.marker.name
