"""Entries of the registries as a study names them: options, labels, weights."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from study.small import STUDY

from pipeline.cache.specs import Train, from_json
from pipeline.errors import PipelineError
from pipeline.running.plan import Plan
from pipeline.study import Study


def init(study: dict[str, Any], **given: str) -> dict[str, Any]:
    networks = {name.replace("_", "-"): source for name, source in given.items()}
    return study | {"architectures": [{"name": "resnet18", "width": 0.125, "init": networks}]}


def trained(study: dict[str, Any]) -> dict[str, Train]:
    nodes = Plan.load(study).nodes.values()
    return {spec.place: spec for spec in nodes if isinstance(spec, Train)}


def test_given_weights_are_known_by_their_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a.pth", tmp_path / "b.pth"
    first.write_bytes(b"abc")
    given = trained(init(STUDY, plain_1=str(first)))
    network = given.pop("digits/resnet18/plain-1")
    # SHA-256 of "abc": FIPS 180-2, appendix B.1.
    assert network.init == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    others = trained(STUDY)
    assert {others[place].fingerprint for place in given} == {
        spec.fingerprint for spec in given.values()
    }
    assert others["digits/resnet18/plain-1"].fingerprint != network.fingerprint

    second.write_bytes(b"abc")
    moved = trained(init(STUDY | {"train": {"epochs": 9}}, plain_1=str(second)))
    assert moved["digits/resnet18/plain-1"].fingerprint == network.fingerprint
    second.write_bytes(b"abd")
    changed = trained(init(STUDY, plain_1=str(second)))
    assert changed["digits/resnet18/plain-1"].fingerprint != network.fingerprint


def test_torchvision_weights_are_known_by_their_name() -> None:
    name = "ResNet18_Weights.IMAGENET1K_V1"
    given = trained(init(STUDY, dropout_0=name))["digits/resnet18/dropout-0"]
    assert (given.init, given.init_path) == (name, None)
    assert from_json(given.to_json()) == given


def test_the_same_architecture_may_start_from_different_weights() -> None:
    given = {"plain-0": "ResNet18_Weights.IMAGENET1K_V1"}
    networks = ["resnet18", {"name": "resnet18", "label": "given", "init": given}]
    plan = Plan.load(STUDY | {"architectures": networks})
    # All but plain-0 are the same.
    assert Counter(spec.stage for spec in plan.nodes.values())["train"] == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"plain_3": "a.pth"}, "unknown network 'plain-3'; allowed: plain-0, plain-1, plain-2, dr"),
        ({"plain_0": "nowhere.pth"}, r"architectures\[0\].init.plain-0: nowhere.pth: No such file"),
        ({"plain_0": 3}, r"architectures\[0\].init.plain-0: 3 is not of type string"),
    ],
)
def test_weights_that_are_not_there(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message) as caught:
        Study.load(init(STUDY, **given))
    assert "\n" not in str(caught.value)


def test_weights_of_each_replicate(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)

    def load(*names: str, replicates: int = 2) -> dict[str, Any]:
        places = ("plain-0", "r1/plain-0", "r2/plain-0")
        networks = {place: str(tmp_path / name) for place, name in zip(places, names, strict=False)}
        architecture = {"name": "resnet18", "width": 0.125, "init": networks}
        return trained(STUDY | {"architectures": [architecture], "replicates": replicates})

    found = load("a", "b")
    paths = {place: spec.init_path for place, spec in found.items() if spec.init}
    assert paths == {
        "digits/resnet18/plain-0": str(tmp_path / "a"),
        "digits/resnet18/r1/plain-0": str(tmp_path / "b"),
    }
    lacking = (
        r"architectures\[0\].init: plain-0 has weights and r2/plain-0 has none; each replicate "
        "needs its own, or give plain-0 none$"
    )
    with pytest.raises(PipelineError, match=lacking):
        load("a", "b", replicates=3)
    same = r"init: r1/plain-0 and plain-0 have the same weights; replicates are independent"
    with pytest.raises(PipelineError, match=same):
        load("a", "a")
    with pytest.raises(PipelineError, match="unknown network 'r1/plain-0'; allowed: plain-0, pl"):
        load("a", "b", replicates=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"uncertainties": [{"name": "msp", "clip": 0.5}]}, "clip: 0.5 is not below 0.5"),
        ({"uncertainties": [{"name": "ensemble", "clip": 0.7}]}, "clip: 0.7 is not below 0.5"),
        ({"uncertainties": [{"name": "mc_dropout", "clip": 1}]}, "clip: 1.0 is not below 0.5"),
        (
            {"pruners": [{"name": "resrep", "compactor_momentum": 1}]},
            r"pruners\[0\].compactor_momentum: 1.0 is not below 1",
        ),
    ],
)
def test_an_option_that_is_out_of_bounds(change: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        Study.load(STUDY | change)


def test_a_label_may_not_be_another_methods_name() -> None:
    for key, entry, kind in [
        ("pruners", {"name": "random", "label": "l1"}, "pruner"),
        ("uncertainties", {"name": "msp", "label": "ensemble"}, "uncertainty method"),
    ]:
        message = rf"{key}\[0\].label: '{entry['label']}' is the name of another {kind}"
        with pytest.raises(PipelineError, match=message):
            Study.load(STUDY | {key: [entry]})
    own = {"name": "l1", "label": "l1", "scope": "global"}
    assert Study.load(STUDY | {"pruners": [own]}).pruners[0].label == "l1"


@pytest.mark.parametrize(
    ("datasets", "architectures"),
    [(("a", "a-b"), ("b-c", "c")), (("a", "A"), ("c", "d")), (("a", "b"), ("c", "C"))],
)
def test_labels_that_would_name_the_same_files(
    datasets: tuple[str, str], architectures: tuple[str, str]
) -> None:
    study = STUDY | {
        "datasets": [{"name": "digits", "label": label} for label in datasets],
        "architectures": [
            {"name": "resnet18", "label": label, "width": width}
            for label, width in zip(architectures, (0.5, 0.25), strict=True)
        ],
    }
    with pytest.raises(PipelineError, match=r"named as those of .*; choose another `label"):
        Study.load(study)


def folder(**options: Any) -> dict[str, Any]:
    return STUDY | {"datasets": [{"name": "imagefolder", "path": "x", **options}]}


def test_lists_take_the_types_of_the_default() -> None:
    (data,) = Study.load(folder(mean=[0, "5e-1", 1], flip=False, train="Training")).datasets
    assert data.options == (("flip", False), ("mean", (0.0, 0.5, 1.0)), ("train", "Training"))
    (same,) = Study.load(folder(mean=[0.485, 0.456, 0.406], scale=[0.08, 1])).datasets
    assert same.options == ()
    assert same.fingerprint == Study.load(folder()).datasets[0].fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": [0.5]}, r"datasets\[0\].mean: \[0.5\] has 1 values, not 3"),
        ({"mean": [0.5, "grey", 0.5]}, r"datasets\[0\].mean: 'grey' is not of type float"),
        ({"mean": 0.5}, r"datasets\[0\].mean: 0.5 is not of type tuple"),
        ({"flip": [True]}, r"datasets\[0\].flip: .* is not of type bool"),
        ({"test_version": 0}, r"datasets\[0\].test_version: 0 is not at least 1"),
    ],
)
def test_lists_and_versions_that_are_wrong(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message) as caught:
        Study.load(folder(**options))
    assert "\n" not in str(caught.value)


def test_another_test_version_keeps_the_networks() -> None:
    def stages(study: Study) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        waiting: list[Any] = [each.score for each in study.combinations()]
        while waiting:
            spec = waiting.pop()
            found.setdefault(spec.stage, set()).add(spec.fingerprint)
            waiting += spec.reads()
        return found

    first, second = stages(Study.load(folder())), stages(Study.load(folder(test_version=2)))
    for stage in ("train", "prune", "finetune"):
        assert first[stage] == second[stage]
    for stage in ("infer", "score"):
        assert not first[stage] & second[stage]
    assert first["data"] < second["data"]
