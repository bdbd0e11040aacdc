"""Test sets in a study: what they add to the plan, and what is wrong with an entry."""

from typing import Any

import pytest
from study.small import STUDY

from pipeline.cache import paths
from pipeline.cache.specs import Data, Infer, Score, Train
from pipeline.errors import PipelineError
from pipeline.running.plan import Plan
from pipeline.study import Study

NOISE = {"name": "corruption", "kind": "gaussian_noise", "severity": 3}
JPEG = {"name": "corruption", "kind": "jpeg_compression", "severity": 3}
OOD = {"name": "svhn", "role": "ood"}


def plan(*test_sets: dict[str, Any], **changes: Any) -> Plan:
    return Plan.load(STUDY | {"test_sets": list(test_sets)} | changes)


def test_a_test_set_adds_its_images_and_what_is_predicted_of_them() -> None:
    without, one, two = plan(), plan(NOISE), plan(NOISE, OOD, JPEG)
    for less, more, count in ((without, one, 1), (one, two, 2)):
        assert less.nodes.keys() <= more.nodes.keys()
        added = [spec.stage for name, spec in more.nodes.items() if name not in less.nodes]
        networks = sum(spec.stage == "infer" for spec in without.nodes.values())
        scores = sum(spec.stage == "score" for spec in without.nodes.values())
        assert {stage: added.count(stage) for stage in added} == {
            "data": count, "infer": count * networks, "score": count * scores,
        }  # fmt: skip


def test_the_order_and_what_else_is_there_change_no_path() -> None:
    assert plan(NOISE, OOD).nodes.keys() == plan(OOD, NOISE).nodes.keys()
    assert plan(NOISE).nodes.keys() - plan().nodes.keys() == (
        plan(OOD, NOISE).nodes.keys() - plan(OOD).nodes.keys()
    )


def test_trainings_wait_for_test_sets_that_may_be_wrong() -> None:
    study = plan(NOISE, OOD, datasets=[{"name": "digits", "test_version": 2}])
    (trained, *_) = [spec for spec in study.nodes.values() if isinstance(spec, Train)]
    waits = {spec.place for spec in study.inputs(trained) if isinstance(spec, Data)}
    assert waits == {"digits", "digits/gaussian_noise-3", "digits/svhn"}
    # No artifact is made from them.
    assert {paths.folder(spec) for spec in trained.reads()} == {paths.folder(trained.data)}


def test_names_stand_in_the_paths() -> None:
    study = plan(NOISE)
    places = {spec.place for spec in study.nodes.values() if "gaussian" in spec.place}
    assert "digits/gaussian_noise-3" in places
    assert "digits/resnet18/plain-1/l1-0.4/gaussian_noise-3" in places
    assert "digits/resnet18/ensemble/resrep-0.8/gaussian_noise-3" in places
    assert {spec.stage for spec in study.at("digits/resnet18/msp/gaussian_noise-3")} == {"score"}


def test_scores_of_shifted_images_read_the_clean_predictions_of_the_same_networks() -> None:
    study = Study.load(STUDY | {"test_sets": [NOISE, OOD]})
    for each in study.combinations():
        shifted = each.score
        assert [p.images.label for p in shifted.predictions].count("") == (
            len(shifted.predictions) if each.test_set == "test" else 0
        )
        if each.test_set != "test":
            assert [p.model for p in shifted.clean] == [p.model for p in shifted.predictions]
            assert {p.images for p in shifted.clean} == set(study.datasets)


def test_lists_are_one_test_set_each() -> None:
    several = {"name": "corruption", "kind": ["contrast", "pixelate"], "severity": [1, 5]}
    study = Study.load(STUDY | {"test_sets": [several]})
    labels = [each.label for each in study.test_sets]
    assert labels == ["contrast-1", "contrast-5", "pixelate-1", "pixelate-5"]


def test_the_seed_decides_corruptions_but_no_published_images() -> None:
    def specs(seed: int) -> dict[str, str]:
        published = {"name": "cifar_c", "path": "/nowhere", "kind": "fog", "severity": 1}
        study = Study.load(STUDY | {"seed": seed, "test_sets": [NOISE, OOD, published]})
        (data,) = study.datasets
        return {each.label: each.of(data, seed).fingerprint for each in study.test_sets}

    first, second = specs(0), specs(1)
    assert first["gaussian_noise-3"] != second["gaussian_noise-3"]
    assert (first["svhn"], first["fog-1"]) == (second["svhn"], second["fog-1"])


def test_where_published_images_lie_is_no_part_of_them() -> None:
    published = {"name": "cifar_c", "kind": "fog", "severity": 1}
    here, there = plan(published | {"path": "/here"}), plan(published | {"path": "/there"})
    assert here.nodes.keys() == there.nodes.keys()
    assert here.nodes.keys().isdisjoint(plan(published | {"path": "/a", "severity": 2}).nodes) is (
        False
    )
    raised = plan(published | {"path": "/here", "version": 2})
    assert not any("fog" in name for name in here.nodes.keys() & raised.nodes.keys())


def test_held_out_images_are_another_test_set() -> None:
    study = plan(datasets=[{"name": "digits", "validation": 0.1}])
    names = {each.test_set for each in study.combinations}
    assert names == {"test", "validation"}
    assert study.nodes.keys().isdisjoint(plan().nodes)
    looked = {
        spec.looks_at()[0].place  # type: ignore[index]
        for spec in study.nodes.values()
        if isinstance(spec, Infer)
    }
    assert looked == {"digits", "digits/validation"}
    held_out = [each.score for each in study.combinations if each.test_set == "validation"]
    assert all(score.clean == () for score in held_out)
    assert all("validation" in score.place for score in held_out)


def test_without_them_fingerprints_are_those_of_a_spec_without_the_fields() -> None:
    for spec in plan().nodes.values():
        if isinstance(spec, Data | Infer | Score):
            assert not {"validation", "of", "role", "clean"} & spec.to_json().keys()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "corruption", "severity": 1}, "test_sets[0]: missing 'kind'; one of gaussian_no"),
        (NOISE | {"kind": "fog"}, "test_sets[0].kind: 'fog' is not one of gaussian_noise, shot"),
        (NOISE | {"severity": 6}, "test_sets[0].severity: 6 is not one of 1, 2, 3, 4, 5"),
        (NOISE | {"severity": [1, 0]}, "test_sets[0].severity: 0 is not one of 1, 2, 3, 4, 5"),
        (NOISE | {"label": "validation"}, "test_sets: the label 'validation' stands for a data"),
        (NOISE | {"severity": [1, 1]}, "test_sets: 'gaussian_noise-1' is given more than once"),
        (NOISE | {"severity": [1, 2], "label": "a"}, "test_sets[0]: one label cannot name several"),
        (
            {"name": "cifar_c", "kind": "fog", "severity": 1},
            "test_sets[0]: missing 'path': the f",
        ),
        ({"name": "digits"}, "test_sets[0]: 'digits' is a data set; `role: ood` makes it one"),
        ({"name": "digits", "role": "ood"}, "test_sets: 'digits' is what networks are trained wi"),
        (NOISE | {"severity": []}, "test_sets[0].severity: needs at least 1 value"),
        ({"name": "fog"}, "test_sets[0]: unknown test set 'fog'; known: cifar_c, corruption"),
        (NOISE | {"role": "ood"}, "test_sets[0]: unknown data set 'corruption'; known: "),
        (OOD | {"role": "near"}, "test_sets[0].role: 'near' is not one of ood"),
        ({"kind": "fog"}, "test_sets[0]: missing 'name'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError) as told:
        Study.load(STUDY | {"test_sets": [entry]})
    assert str(told.value).startswith(message)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("share", [0, 1, -0.1, "half"])
def test_a_share_that_holds_out_none_or_all_is_refused(share: object) -> None:
    with pytest.raises(PipelineError, match=r"datasets\[0\]"):
        Study.load(STUDY | {"datasets": [{"name": "digits", "validation": share}]})
