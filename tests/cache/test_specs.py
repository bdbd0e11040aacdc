"""Fingerprints: what changes them, what doesn't, and some frozen ones."""

import json
from dataclasses import fields, replace

import pytest

from pipeline.cache import code_identity, paths, specs
from pipeline.cache.specs import Data, Finetune, Infer, Prune, Recipe, Score, Train
from pipeline.seeds import of_replicate


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Score:
    """One complete chain whose code is held still."""
    monkeypatch.setattr(code_identity, "identity", lambda unit: f"<{unit}>")
    trained = Train(Data("digits"), "resnet18", Recipe(epochs=2), (("width", 0.125),))
    pruned = Prune(trained, "l1", 0.4)
    return Score((Infer(Finetune(pruned, Recipe(epochs=1))),), "msp")


def lineage(spec: specs.Spec) -> list[specs.Spec]:
    return [spec, *(each for parent in spec.parents() for each in lineage(parent))]


def test_defaults_are_frozen() -> None:
    # A finished artifact's path leaves out defaults: a default that changed would give another
    # computation the old path. New fields may be added here; values may never be edited.
    assert {each.name: each.default for each in fields(Recipe) if each.name != "epochs"} == {
        "batch_size": 128, "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "cosine",
        "step_epochs": 30, "warmup_epochs": 0.0, "drop_last": False, "augment": True,
        "decay_normalisation": True, "bias_lr": 1.0, "gamma_l1": 0.0,
        "precision": "auto",
    }  # fmt: skip
    defaults = {
        stage: {
            each.name: each.default
            for each in fields(spec)
            if isinstance(each.default, int | float | str | tuple)
        }
        for stage, spec in specs.STAGES.items()
    }
    assert defaults == {
        "data": {
            "label": "", "version": 1, "options": (), "access": (), "test_version": 1,
            "validation": 0.0, "seed": 0, "role": "",
        },
        "check": {
            "options": (), "dropout": 0.0, "pruners": (), "sparsity": 0.0, "sparsities": (),
        },
        "train": {"options": (), "dropout": 0.0, "member": 0, "seed": 0, "replicate": 0},
        "prune": {"options": (), "seed": 0},
        "finetune": {},
        "infer": {"samples": 1, "seed": 0, "precision": "float32"},
        "score": {
            "options": (), "bins": (15, 10), "steps": 50, "ties": "inclusive", "bootstrap": 1000,
            "seed": 0, "clean": (),
        },
    }  # fmt: skip


def test_fingerprints_are_frozen(chain: Score) -> None:
    assert {spec.stage: spec.fingerprint for spec in lineage(chain)} == FROZEN


FROZEN = {
    "score": "4b637f4d",
    "infer": "1b2867de",
    "finetune": "79ae55bf",
    "prune": "1b81e21b",
    "train": "0d8247b4",
    "data": "94b83798",
}


def test_json_round_trip(chain: Score) -> None:
    restored = specs.from_json(json.loads(json.dumps(chain.to_json())))
    assert restored == chain
    assert restored.fingerprint == chain.fingerprint


def test_access_is_not_identity(chain: Score) -> None:
    moved = Data("digits", access=(("path", "/elsewhere"),))
    assert moved.fingerprint == Data("digits").fingerprint
    assert specs.from_json(moved.to_json()) == moved


@pytest.mark.parametrize(
    ("stage", "change", "same"),
    [
        ("train", {"member": 1}, {"data"}),
        ("train", {"replicate": 1}, {"data"}),
        ("train", {"recipe": Recipe(epochs=3)}, {"data"}),
        ("prune", {"sparsity": 0.5}, {"data", "train"}),
        ("finetune", {"recipe": Recipe(epochs=2)}, {"data", "train", "prune"}),
        ("infer", {"samples": 5}, {"data", "train", "prune", "finetune"}),
        ("score", {"steps": 10}, {"data", "train", "prune", "finetune", "infer"}),
        ("data", {"version": 2}, set()),
    ],
)
def test_a_change_reaches_what_depends_on_it(
    chain: Score, stage: str, change: dict[str, object], same: set[str]
) -> None:
    def changed(spec: specs.Spec) -> specs.Spec:
        if spec.stage == stage:
            return replace(spec, **change)  # type: ignore[arg-type]
        if isinstance(spec, Score):
            return replace(spec, predictions=tuple(map(changed, spec.predictions)))  # type: ignore[arg-type]
        if isinstance(spec, Train):
            return replace(spec, data=changed(spec.data))  # type: ignore[arg-type]
        return replace(spec, model=changed(spec.model))  # type: ignore[union-attr,arg-type]

    pairs = zip(lineage(chain), lineage(changed(chain)), strict=True)
    assert {old.stage for old, new in pairs if old.fingerprint == new.fingerprint} == same


def test_the_code_is_part_of_the_fingerprint(chain: Score, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {spec.stage: spec.fingerprint for spec in lineage(chain)}
    monkeypatch.setattr(
        code_identity, "identity", lambda unit: "edited" if unit == "pruning.l1" else f"<{unit}>"
    )
    again = specs.from_json(chain.to_json())
    after = {spec.stage: spec.fingerprint for spec in lineage(again)}
    assert {stage for stage in before if before[stage] != after[stage]} == {
        "prune", "finetune", "infer", "score",
    }  # fmt: skip


def test_places_say_what_is_in_them(chain: Score) -> None:
    assert {spec.stage: spec.place for spec in lineage(chain)} == {
        "score": "digits/resnet18/msp/l1-0.4",
        "infer": "digits/resnet18/plain-0/l1-0.4",
        "finetune": "digits/resnet18/plain-0/l1-0.4",
        "prune": "digits/resnet18/plain-0/l1-0.4",
        "train": "digits/resnet18/plain-0",
        "data": "digits",
    }
    assert paths.folder(chain) == f"digits/resnet18/msp/l1-0.4/score~{chain.fingerprint}"


def test_a_replicate_has_words_and_seeds_of_its_own(chain: Score) -> None:
    networks = [each for each in lineage(chain) if isinstance(each, specs.Network)]
    seeds = {of_replicate(7, 0)}
    assert seeds == {7}
    for replicate in (1, 2):
        train = replace(networks[-1], replicate=replicate)
        pruned = Prune(train, "l1", 0.4)
        score = Score((Infer(pruned),), "msp")
        assert train.place == f"digits/resnet18/r{replicate}/plain-0"
        assert score.place == f"digits/resnet18/r{replicate}/msp/l1-0.4"
        assert specs.from_json(score.to_json()) == score
        assert pruned.trained.replicate == replicate
        seeds |= {of_replicate(7, replicate), of_replicate(8, replicate)}
    assert len(seeds) == 5
