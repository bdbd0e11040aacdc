"""Pruners with sparsities and a recipe of their own."""

from typing import Any

import pytest
from study.small import STUDY

from pipeline.cache.specs import Check, Finetune, Prune, Recipe, from_json
from pipeline.errors import PipelineError
from pipeline.running.plan import Plan
from pipeline.study import Study


def networks(study: dict[str, Any]) -> set[tuple[str, float]]:
    return {(c.pruner, c.sparsity) for c in Study.load(study).combinations() if c.sparsity}


def recipes(study: dict[str, Any]) -> dict[tuple[str, float], Recipe]:
    nodes = Plan.load(study).nodes.values()
    return {spec.pruning: spec.recipe for spec in nodes if isinstance(spec, Finetune)}


def test_a_pruner_may_have_sparsities_of_its_own() -> None:
    pruners = ["l1", {"name": "resrep", "sparsities": [0.5, "4e-1"]}]
    study = STUDY | {"pruners": pruners}
    assert networks(study) == {("l1", 0.4), ("l1", 0.8), ("resrep", 0.4), ("resrep", 0.5)}
    # What both studies have is the same.
    before, after = Plan.load(STUDY).nodes, Plan.load(study).nodes
    shared = {name for name in before if "resrep-0.8" not in name and "/check~" not in name}
    assert shared <= after.keys()


def test_each_pruner_is_checked_at_its_own_highest_sparsity() -> None:
    def check(pruners: list[Any]) -> Check:
        nodes = Plan.load(STUDY | {"pruners": pruners}).nodes.values()
        (found,) = (spec for spec in nodes if isinstance(spec, Check))
        assert from_json(found.to_json()) == found
        return found

    alike = check(["l1", "resrep"])
    assert (alike.sparsity, alike.sparsities) == (0.8, ())
    own = check([{"name": "l1", "sparsities": [0.3, 0.2]}, "resrep"])
    assert own.pruners == (("l1", ()), ("resrep", ()))
    assert (own.sparsity, own.sparsities) == (0.8, (0.3, 0.8))


def test_a_pruner_may_have_a_recipe_of_its_own() -> None:
    long = {"name": "l1", "label": "l1-long", "finetune": {"epochs": 20, "lr": 1}}
    study = STUDY | {"pruners": ["random", long], "sparsities": [0.4]}
    assert recipes(study) == {
        ("random", 0.4): Recipe(epochs=1, lr=0.05),
        ("l1", 0.4): Recipe(epochs=20, lr=1.0),
    }
    both = Plan.load(STUDY | {"pruners": ["l1", long], "sparsities": [0.4]})
    # The same pruned networks, of 3 plain members and the one with dropout, trained in two ways.
    assert sum(isinstance(spec, Prune) for spec in both.nodes.values()) == 4
    assert sum(isinstance(spec, Finetune) for spec in both.nodes.values()) == 8
    assert {c.pruner for c in both.combinations} == {"none", "l1", "l1-long"}


def test_a_recipe_spelt_out_is_the_same_study() -> None:
    spelt = STUDY | {"pruners": [{"name": "l1", "finetune": {"epochs": 1}}, "resrep"]}
    assert Plan.load(spelt).nodes.keys() == Plan.load(STUDY).nodes.keys()


@pytest.mark.parametrize(
    ("pruners", "message"),
    [
        ([{"name": "resrep", "finetune": {"epochs": 2}}],
         r"pruners\[0\].finetune: resrep is not fine-tuned: it prunes while it trains"),
        ([{"name": "l1", "sparsities": []}], r"pruners\[0\].sparsities: needs at least 1 value"),
        ([{"name": "l1", "sparsities": [1]}], r"sparsities\[0\]: 1 is not at least 0"),
        ([{"name": "l1", "sparsities": [0.5, 0.5]}],
         r"pruners\[0\].sparsities: 0.5 is given more than once$"),
        ([{"name": "l1", "finetune": {"epoch": 2}}],
         r"pruners\[0\].finetune: unknown key 'epoch'; allowed: epochs"),
        (["l1", {"name": "l1", "label": "b"}], "pruners: 'b' is the same as 'l1'$"),
        (["l1", {"name": "l1", "label": "b", "sparsities": [0.8, 0.9]}],
         r"pruners: 'b' is the same as 'l1' at 0\.8"),
    ],
)  # fmt: skip
def test_what_is_refused(pruners: list[Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message) as caught:
        Study.load(STUDY | {"pruners": pruners})
    assert "\n" not in str(caught.value)


def test_the_same_pruner_may_come_twice_at_other_sparsities() -> None:
    more = {"name": "l1", "label": "l1-more", "sparsities": [0.9]}
    assert networks(STUDY | {"pruners": ["l1", more]}) == {
        ("l1", 0.4), ("l1", 0.8), ("l1-more", 0.9),
    }  # fmt: skip


@pytest.mark.parametrize("key", ["architectures", "datasets", "uncertainties"])
def test_only_pruners_have_them(key: str) -> None:
    name = {"architectures": "vgg19", "datasets": "digits", "uncertainties": "msp"}[key]
    for own in ({"sparsities": [0.5]}, {"finetune": {"epochs": 1}}):
        with pytest.raises(PipelineError, match=rf"{key}\[0\]: unknown key '{next(iter(own))}'"):
            Study.load(STUDY | {key: [{"name": name} | own]})


def options(**given: Any) -> tuple[tuple[str, Any], ...]:
    return Study.load(STUDY | {"pruners": [{"name": "l1", **given}]}).pruners[0].options


def test_options_that_all_criteria_share() -> None:
    assert options(target="channels", round_to=1, ignored=[], layers={}, max_sparsity=1) == ()
    given = options(
        target="macs", round_to=8, ignored=["b", "a", "b"], layers={"c": 0, "a": "2e-1"}
    )
    assert given == (
        ("ignored", ("a", "b")), ("layers", (("a", 0.2), ("c", 0.0))), ("round_to", 8),
        ("target", "macs"),
    )  # fmt: skip
    plan = Plan.load(STUDY | {"pruners": [{"name": "l1", "layers": {"a": 0.2}, "ignored": ["b"]}]})
    for spec in plan.nodes.values():
        assert from_json(spec.to_json()).fingerprint == spec.fingerprint


@pytest.mark.parametrize(
    ("pruner", "message"),
    [
        ({"name": "l1", "target": "flops"}, "target: 'flops' is not one of channels, macs, param"),
        ({"name": "l1", "round_to": 0}, "round_to: 0 is not above 0"),
        ({"name": "l1", "round_to": 8.5}, "round_to: 8.5 is not of type int"),
        ({"name": "l1", "max_sparsity": 1.5}, "max_sparsity: 1.5 is not at most 1"),
        ({"name": "l1", "ignored": "conv1"}, "ignored: 'conv1' is not a list of names"),
        ({"name": "l1", "layers": ["conv1"]}, r"layers: .* does not give a number to each of some"),
        ({"name": "l1", "layers": {"conv1": "half"}}, "layers.conv1: 'half' is not a number"),
        ({"name": "l1", "layers": {"conv1": 1}}, r": layers.conv1: 1.0 is not in \[0, 1\)"),
        ({"name": "lamp"}, "lamp needs scope: global: its scores only compare layers"),
        ({"name": "scratch", "like": "l1"}, "like needs scope: global; in scope: layer it would"),
        ({"name": "scratch", "like": "l2"}, "like: unknown pruner 'l2'; known: batchnorm, fpgm"),
        ({"name": "resrep", "round_to": 8}, "unknown key 'round_to' for resrep"),
        ({"name": "l1", "coupling": "independent", "scope": "global"},
         "scope: global with coupling: independent leaves summands of unequal width"),
    ],
)  # fmt: skip
def test_options_that_are_refused(pruner: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=rf"^pruners\[0\].*{message}") as caught:
        Study.load(STUDY | {"pruners": [pruner]})
    assert "\n" not in str(caught.value)


def test_scratch_is_trained_by_the_recipe_of_the_training() -> None:
    longer = {"name": "scratch", "label": "scratch-b", "finetune": {"epochs": 4}}
    study = STUDY | {"pruners": ["l1", "scratch", longer], "sparsities": [0.4]}
    nodes = Plan.load(study).nodes.values()
    epochs = sorted(
        (spec.pruning[0], spec.recipe.epochs) for spec in nodes if isinstance(spec, Finetune)
    )
    # Of 3 plain members and the one with dropout.
    assert epochs == [("l1", 1)] * 4 + [("scratch", 2)] * 4 + [("scratch", 4)] * 4


def test_scratch_is_made_by_the_code_of_the_pruner_whose_widths_it_has() -> None:
    def units(**given: Any) -> set[str]:
        nodes = Plan.load(STUDY | {"pruners": [{"name": "scratch", **given}]}).nodes.values()
        checks = {unit for spec in nodes if isinstance(spec, Check) for unit in spec.units()}
        pruned = {unit for spec in nodes if isinstance(spec, Prune) for unit in spec.units()}
        assert pruned - {"stages.prune"} <= checks | {"cutting.global_scope"}
        return pruned

    assert units() == {"stages.prune", "pruning.scratch", "pruning.random"}
    assert units(like="hrank", scope="global") == {
        "stages.prune", "pruning.scratch", "pruning.hrank", "cutting.global_scope",
    }  # fmt: skip


def test_another_criterion_trains_nothing() -> None:
    added = ["taylor", {"name": "lamp", "scope": "global"}, {"name": "fpgm", "target": "macs"}]
    before = Plan.load(STUDY).nodes
    after = Plan.load(STUDY | {"pruners": [*STUDY["pruners"], *added]}).nodes
    new = {spec.stage for name, spec in after.items() if name not in before}
    assert new == {"check", "prune", "finetune", "infer", "score"}
    assert {name for name in before if "/check~" not in name} <= after.keys()
