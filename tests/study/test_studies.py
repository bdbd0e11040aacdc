"""The shipped studies: the paper's grid and recipes, to the letter."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import Project

from pipeline.cache.specs import Infer, Recipe, Train
from pipeline.running.plan import Plan

STUDIES = Path(__file__).parents[2] / "studies"
NAMES = sorted(file.stem for file in STUDIES.glob("*.yaml"))


def content(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((STUDIES / f"{name}.yaml").read_text())
    return loaded


# Both networks of the paper: 5 members and the one with dropout, 5 pruners (4 of them fine-tune),
# 4 sparsities; 2 uncertainty methods and MSP of each member, each unpruned and for the 5 × 4 pruned
# networks.
GRID = {
    "data": 1,
    "check": 2,
    "train": 2 * 6,
    "prune": 2 * 6 * 5 * 4,
    "finetune": 2 * 6 * 4 * 4,
    "infer": 2 * 6 * 21,
    "score": 2 * (2 + 5) * 21,
}
# One network: 2 members and the one with dropout, 5 pruners, 2 sparsities.
QUICK = {"data": 1, "check": 1, "train": 3, "prune": 30, "finetune": 24, "infer": 33, "score": 33}
# One network: 3 members and the one with dropout, 2 pruners that fine-tune at 2 sparsities, and
# ResRep at one.
NARROW = {
    "data": 1,
    "check": 1,
    "train": 4,
    "prune": 20,
    "finetune": 16,
    "infer": 24,
    "score": 18,
}
# One network, 2 sparsities; MSP of all 5 members.
IMAGENET = {
    "data": 1,
    "check": 1,
    "train": 6,
    "prune": 60,
    "finetune": 48,
    "infer": 66,
    "score": 77,
}
# Two networks of 3 members, 9 pruners, 2 sparsities; MSP of all members, and the ensemble.
CRITERIA = {
    "data": 1, "check": 2, "train": 6, "prune": 108, "finetune": 108, "infer": 114, "score": 152,
}  # fmt: skip
# The same networks on 9 corrupted test sets and beside one of another kind; MSP of one member.
SHIFT = GRID | {"data": 11, "infer": 11 * GRID["infer"], "score": 11 * 2 * 3 * 21}
# 3 replicates of 2 members, 3 pruners, 2 sparsities; 7 test sets, 2 uncertainty methods.
DIGITS = {
    "data": 7,
    "check": 1,
    "train": 6,
    "prune": 36,
    "finetune": 36,
    "infer": 7 * 42,
    "score": 7 * 3 * 2 * 7,
}
JOBS = {
    "cifar10": GRID, "cifar100": GRID, "cifar100-narrow": NARROW, "cifar100-quick": QUICK,
    "cifar100-shift": SHIFT, "criteria": CRITERIA, "digits-shift": DIGITS, "imagenet": IMAGENET,
    "imagenette": QUICK,
}  # fmt: skip


def test_every_shipped_study_is_known_here() -> None:
    assert set(NAMES) == JOBS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_study_plans_what_it_says(name: str) -> None:
    plan = Plan.load(content(name))
    jobs = Counter(spec.stage for spec in plan.nodes.values())
    assert jobs == JOBS[name]
    assert plan.study.study == name
    words = " ".join((STUDIES / f"{name}.yaml").read_text().split("study:")[0].split("\n# "))
    assert f"--configfile studies/{name}.yaml" in words
    assert f"{sum(jobs.values()) + 1} jobs:" in words
    for stage, count in jobs.items():
        assert f" {count} {stage}" in words


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_the_recipes_are_the_published_ones(name: str) -> None:
    study = Plan.load(content(name)).study
    cifar = Recipe(
        epochs=200, batch_size=128, lr=0.1, momentum=0.9, weight_decay=5e-4, schedule="cosine",
        warmup_epochs=0.0, drop_last=False, augment=True, decay_normalisation=True, bias_lr=1.0,
        gamma_l1=0.0,
    )  # fmt: skip
    assert study.train == cifar
    assert study.finetune == Recipe(**{**vars(cifar), "epochs": 150})
    assert study.prune == Recipe(
        epochs=180, batch_size=64, lr=0.01, momentum=0.9, weight_decay=1e-4,
        schedule="cosine_iteration", warmup_epochs=0.0, drop_last=True, augment=True,
        decay_normalisation=False, bias_lr=2.0, gamma_l1=0.0,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_the_grid_is_the_papers(name: str) -> None:
    plan = Plan.load(content(name))
    study = plan.study
    assert [entry.name for entry in study.architectures] == ["resnet18", "vgg19"]
    assert [entry.name for entry in study.pruners] == [
        "random", "l1", "batchnorm", "hrank", "resrep",
    ]  # fmt: skip
    assert study.sparsities == (0.2, 0.4, 0.6, 0.8)
    assert (study.ensemble_size, study.mc_samples, study.seed) == (5, 5, 0)
    entries = (*study.architectures, *study.pruners, *study.uncertainties)
    assert all(entry.options == () for entry in entries)
    trained = [spec for spec in plan.nodes.values() if isinstance(spec, Train)]
    assert Counter(spec.dropout for spec in trained) == {0.0: 10, 0.2: 2}


def test_imagenet_is_the_papers() -> None:
    plan = Plan.load(content("imagenet"))
    study = plan.study
    imagenet = Recipe(
        epochs=90, batch_size=256, lr=0.1, momentum=0.9, weight_decay=1e-4, schedule="step",
        step_epochs=30, warmup_epochs=0.0, drop_last=False, augment=True, decay_normalisation=True,
        bias_lr=1.0, gamma_l1=0.0,
    )  # fmt: skip
    assert study.train == imagenet
    assert study.finetune == Recipe(**{**vars(imagenet), "epochs": 45})
    assert study.prune == Recipe(
        epochs=180, batch_size=256, lr=0.01, momentum=0.9, weight_decay=1e-4,
        schedule="cosine_iteration", warmup_epochs=0.0, drop_last=True, augment=True,
        decay_normalisation=False, bias_lr=2.0, gamma_l1=0.0,
    )  # fmt: skip
    assert [entry.name for entry in study.architectures] == ["resnet18"]
    assert [entry.name for entry in study.pruners] == [
        "random", "l1", "batchnorm", "hrank", "resrep",
    ]  # fmt: skip
    assert study.sparsities == (0.2, 0.6)
    assert (study.ensemble_size, study.mc_samples, study.dropout) == (5, 5, 0.2)
    (data,) = study.datasets
    assert (data.dataset, data.options) == ("imagenet", ())
    trained = [spec for spec in plan.nodes.values() if isinstance(spec, Train)]
    given = {f"{spec.kind}-{spec.member}": spec.init for spec in trained}
    assert given.pop("plain-0") == "ResNet18_Weights.IMAGENET1K_V1"
    assert given == dict.fromkeys(("plain-1", "plain-2", "plain-3", "plain-4", "dropout-0"))
    assert {spec.precision for spec in plan.nodes.values() if isinstance(spec, Infer)} == {
        "float16"
    }


def test_the_study_of_criteria_makes_networks_of_equal_cost() -> None:
    study = Plan.load(content("criteria")).study
    names = [pruner.name for pruner in study.pruners]
    assert len(set(names)) == len(names) == 9
    assert "scratch" in names
    assert all(("target", "macs") in pruner.options for pruner in study.pruners)
    recipes = {pruner.name: pruner.recipe for pruner in study.pruners}
    assert recipes.pop("scratch") == study.train
    assert set(recipes.values()) == {study.finetune}


def test_snakemake_plans_imagenet_without_images_or_weights(tmp_path: Path) -> None:
    project = Project(tmp_path)
    study = str(STUDIES / "imagenet.yaml")
    planned = project.call("snakemake", "--dry-run", "--configfile", study)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    # With the target itself.
    assert re.search(r"^total +261$", planned.stdout, re.MULTILINE)


def test_where_the_images_lie_and_what_decodes_them_makes_no_other_data_set() -> None:
    study = content("imagenet")
    here = Plan.load(study)
    study["datasets"] = [{"name": "imagenet", "path": "/elsewhere", "decoder": "simplejpeg"}]
    assert Plan.load(study).nodes.keys() == here.nodes.keys()
    for change in ({"version": 2}, {"resize_size": 248}, {"crop_size": 192}):
        study["datasets"] = [{"name": "imagenet"} | change]
        assert not Plan.load(study).nodes.keys() & here.nodes.keys()


def test_other_images_are_shown_to_the_networks_of_cifar100() -> None:
    shift, own = (Plan.load(content(name)).nodes for name in ("cifar100-shift", "cifar100"))
    for stage in ("data", "train", "prune", "finetune", "infer"):
        made = {name for name, spec in own.items() if spec.stage == stage}
        assert made <= shift.keys()
    new = Counter(spec.stage for name, spec in shift.items() if name not in own)
    assert new == {"data": 10, "infer": 2520, "score": 1260}


def test_nothing_of_the_default_study_gets_in(tmp_path: Path) -> None:
    project = Project(tmp_path)
    study = STUDIES / "cifar100.yaml"
    planned = project.call("snakemake", "--summary", "--configfile", str(study))
    # The marker's name is made from all fingerprints.
    assert str(Plan.load(content("cifar100")).marker) in planned.stdout, planned.stderr
