"""The grid that a study spans."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from study.small import STUDY

from pipeline.running.plan import Plan
from pipeline.study import Study

ROOT = Path(__file__).parents[2]


def stages(study: dict[str, Any]) -> Counter[str]:
    return Counter(spec.stage for spec in Plan.load(study).nodes.values())


def without_checks(folders: Iterable[str]) -> set[str]:
    """What is made for results; a check is of all pruners of a study."""
    return {folder for folder in folders if "/check~" not in folder}


def test_the_grid() -> None:
    # 4 networks (3 plain, 1 dropout); 2 sparsities of l1 and resrep each; resrep isn't fine-tuned;
    # 3 methods, each unpruned and for 2 × 2 pruned networks.
    assert stages(STUDY) == {
        "data": 1, "check": 1, "train": 4, "prune": 16, "finetune": 8, "infer": 20, "score": 15,
    }  # fmt: skip


def test_msp_takes_member_0_or_all_of_them() -> None:
    assert stages(STUDY | {"uncertainties": ["msp"]})["train"] == 1
    everyone = STUDY | {"score": {"members": "all"}}
    assert stages(everyone)["score"] == 25
    members = {c.member for c in Study.load(everyone).combinations() if c.uncertainty == "msp"}
    assert members == {0, 1, 2}


def test_replicates_repeat_all_but_the_data() -> None:
    once, twice, thrice = (Plan.load(STUDY | {"replicates": n}).nodes for n in (1, 2, 3))
    assert once.keys() == Plan.load(STUDY).nodes.keys()
    # Adding one adds its own networks and nothing else.
    for fewer, more, name in ((once, twice, "/r1/"), (twice, thrice, "/r2/")):
        assert fewer.keys() < more.keys()
        added = more.keys() - fewer.keys()
        assert all(name in folder for folder in added)
        assert len(added) == len(once) - 2  # the data and the check
    assert "digits/resnet18/r1/plain-0" in {spec.place for spec in twice.values()}
    assert "digits/resnet18/r2/ensemble/l1-0.4" in {spec.place for spec in thrice.values()}


def test_replicates_are_resampled_alike_and_have_members_of_their_own() -> None:
    study = Study.load(STUDY | {"replicates": 2, "score": {"members": "all"}, "seed": 5})
    found = list(study.combinations())
    assert {each.score.seed for each in found} == {5}
    assert {(c.replicate, c.member) for c in found if c.uncertainty == "msp"} == {
        (replicate, member) for replicate in (0, 1) for member in (0, 1, 2)
    }
    for each in found:
        trained = {infer.model.trained.replicate for infer in each.score.predictions}
        assert trained == {each.replicate}


def test_methods_share_the_plain_networks() -> None:
    alone = stages(STUDY | {"uncertainties": ["ensemble"]})
    both = stages(STUDY | {"uncertainties": ["ensemble", "msp"]})
    assert alone["infer"] == both["infer"]


def test_numbers_that_are_equal_make_the_same_study() -> None:
    whole = STUDY | {"train": {"epochs": 2, "lr": 1}}
    assert (
        Plan.load(whole).nodes.keys()
        == Plan.load(STUDY | {"train": {"epochs": 2, "lr": 1.0}}).nodes.keys()
    )


def test_a_default_spelt_out_is_the_same_study() -> None:
    spelt = STUDY | {"pruners": [{"name": "l1", "coupling": "group"}, "resrep"], "seed": 0}
    assert Plan.load(spelt).nodes.keys() == Plan.load(STUDY).nodes.keys()


def test_the_shipped_study_is_valid() -> None:
    plan = Plan.load(yaml.safe_load((ROOT / "config.yaml").read_text()))
    assert len(plan.combinations) == 66


def test_planning_imports_no_torch() -> None:
    code = (
        "import sys, yaml; from pipeline.running.plan import Plan\n"
        f"Plan.load(yaml.safe_load(open({str(ROOT / 'config.yaml')!r})))\n"
        "print(sorted({'torch', 'pandas', 'matplotlib', 'snakemake'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_plugin_adds_a_pruner(tmp_path: Path) -> None:
    plugin = tmp_path / "largest.py"
    plugin.write_text(
        "def scores(model, groups, *, images=None, seed=0, power: int = 2):\n    return {}\n"
    )
    before = without_checks(Plan.load(STUDY).nodes)
    pruners = ["l1", "resrep", {"name": "largest", "power": 3}]
    study = STUDY | {"plugins": [str(plugin)], "pruners": pruners}
    after = without_checks(Plan.load(study).nodes)
    assert before <= after
    added = {folder for folder in after if folder not in before}
    assert added
    assert all("largest" in folder for folder in added)
    plugin.write_text(plugin.read_text().replace("{}", "{'a': 1}"))
    code = "; ".join((
        "import json, sys; from pipeline.running.plan import Plan",
        "print(sorted(Plan.load(json.loads(sys.argv[1])).nodes))",
    ))  # fmt: skip
    import json

    edited = subprocess.run(
        [sys.executable, "-c", code, json.dumps(study)], capture_output=True, text=True, check=True
    )
    changed = without_checks(eval(edited.stdout)) ^ after
    assert changed
    assert all("largest" in folder for folder in changed)
