"""Which folders a plan has compared: unknown ones, and those whose files have no digests yet."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import TINY

from pipeline.cache import manifests, origins, paths, payloads
from pipeline.cache.files import sha256
from pipeline.cache.specs import Spec
from pipeline.running.comparisons import Comparisons
from pipeline.running.job import Job
from pipeline.running.plan import Plan
from pipeline.running.rules import Rules
from pipeline.stages import data

MakePlan = Callable[..., Plan]


@pytest.fixture
def plan(tmp_path: Path, make_folder: Callable[..., Path]) -> MakePlan:
    """The plan of a small study of a folder, by default one of pictures that are there."""
    root = make_folder(train=4, val=2)

    def plan(path: Path = root, *, frozen: bool = False, **options: Any) -> Plan:
        pets = {"name": "imagefolder", "label": "pets", "crop_size": 32, "path": str(path)}
        return Plan.load(
            TINY
            | {"datasets": [pets | options], "artifacts": str(tmp_path / "artifacts")}
            | ({"frozen": True, "output": str(tmp_path / "mine")} if frozen else {})
        )

    return plan


def finish(plan: Plan, *specs: Spec) -> None:
    """Write made-up artifacts; a data set's is a real one."""
    for spec in specs:
        folder = plan.artifacts / paths.folder(spec)
        folder.mkdir(parents=True, exist_ok=True)
        if spec.stage == "data":
            data.run(spec, Job(spec, plan.switches))  # type: ignore[arg-type]
        else:
            for name in spec.payload:
                (folder / name).write_bytes(b"made up")
        files = {name: sha256(folder / name) for name in spec.payload}
        manifests.Manifest(spec.fingerprint, spec.to_json(), files, {}).write(folder)


def test_nothing_is_compared_with_an_artifact_that_is_not_there(plan: MakePlan) -> None:
    found = Comparisons(plan())
    assert not found.needed
    assert not any(map(found.before, plan().nodes.values()))


def test_a_folder_is_needed_until_it_was_compared(plan: MakePlan, tmp_path: Path) -> None:
    first = plan()
    finish(first, *first.nodes.values())
    assert not Comparisons(first).needed
    (read,) = [spec for spec in first.nodes.values() if spec.stage == "data"]
    root = origins.root(read)  # type: ignore[arg-type]
    copy = shutil.copytree(root, tmp_path / "copy")
    other = plan(copy)
    (needed,) = Comparisons(other).needed
    assert Path(needed).parent == other.artifacts / paths.folder(read)
    # Everything that is shown waits for it, and it is no reason to draw again.
    rules = Rules(other)
    assert needed in rules.report
    assert needed in rules.predictions
    assert needed in rules.at("pets")
    assert needed in rules.scores
    origins.record(Path(needed), copy, origins.PARTS)
    assert not Comparisons(plan(copy)).needed
    assert not Comparisons(plan(tmp_path / "nowhere")).needed


def test_in_frozen_mode_it_is_written_with_the_results(plan: MakePlan, tmp_path: Path) -> None:
    first = plan()
    finish(first, *first.nodes.values())
    (read,) = [spec for spec in first.nodes.values() if spec.stage == "data"]
    copy = shutil.copytree(origins.root(read), tmp_path / "copy")  # type: ignore[arg-type]
    (needed,) = Comparisons(plan(copy, frozen=True)).needed
    assert Path(needed).parent == tmp_path / "mine" / paths.folder(read)
    origins.record(Path(needed), copy, origins.PARTS)
    assert not Comparisons(plan(copy, frozen=True)).needed
    assert Comparisons(plan(copy)).needed


def test_jobs_wait_for_digests_that_an_older_version_did_not_keep(plan: MakePlan) -> None:
    found = plan()
    (read,) = [spec for spec in found.nodes.values() if spec.stage == "data"]
    finish(found, read)
    waits = [Comparisons(plan()).before(spec) for spec in found.nodes.values()]
    assert not any(waits)
    folder = found.artifacts / paths.folder(read)
    for file in (*folder.glob("origin~*"), folder / origins.DIGESTS):
        file.unlink()
    comparisons = Comparisons(plan())
    assert not comparisons.needed
    waiting = {spec.stage for spec in found.nodes.values() if comparisons.before(spec)}
    assert waiting == {"train", "prune", "finetune", "infer"}


def test_each_set_is_compared_for_those_that_look_at_it(plan: MakePlan) -> None:
    found = plan(test_version=2)
    parts = {
        found.nodes[name].to_json().get("test_version", 1): read
        for name, read in Comparisons(found).parts.items()
    }
    assert parts == {1: ("train",), 2: ("test",)}
    assert Comparisons(plan()).parts.popitem()[1] == ("train", "test")
    trained = {name for name, spec in plan().nodes.items() if spec.stage in ("train", "finetune")}
    assert trained <= set(found.nodes)
    inferred = {name for name, spec in plan().nodes.items() if spec.stage == "infer"}
    assert not inferred & set(found.nodes)


def test_digits_have_no_folder(tmp_path: Path) -> None:
    plan = Plan.load(TINY | {"artifacts": str(tmp_path)})
    (read,) = [spec for spec in plan.nodes.values() if spec.stage == "data"]
    finish(plan, read)
    assert not Comparisons(plan).needed
    assert names(tmp_path / paths.folder(read)) == {"images.safetensors", "manifest.json"}
    assert payloads.load_dataset(tmp_path / paths.folder(read) / "images.safetensors")


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}
