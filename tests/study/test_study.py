"""Studies: the grid that they span, and the one line that a bad one gets."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cache.specs import Recipe, Train, from_json
from pipeline.errors import PipelineError
from pipeline.running.plan import Plan
from pipeline.study import Study

ROOT = Path(__file__).parents[2]
STUDY: dict[str, Any] = {
    "study": "tiny",
    "datasets": ["digits"],
    "architectures": [{"name": "resnet18", "width": 0.125}],
    "pruners": ["l1", "resrep"],
    "sparsities": [0.8, 0.4],
    "uncertainties": ["msp", "mc_dropout", "ensemble"],
    "ensemble_size": 3,
    "train": {"epochs": 2, "lr": 0.05},
    "finetune": {"epochs": 1},
}


def stages(study: dict[str, Any]) -> Counter[str]:
    return Counter(spec.stage for spec in Plan.load(study).nodes.values())


def test_the_grid() -> None:
    # 4 networks (3 plain, 1 dropout); 2 sparsities of l1 and resrep each; resrep isn't fine-tuned;
    # 3 methods, each unpruned and for 2 × 2 pruned networks.
    assert stages(STUDY) == {
        "data": 1, "train": 4, "prune": 16, "finetune": 8, "infer": 20, "score": 15,
    }  # fmt: skip


def test_msp_takes_member_0_or_all_of_them() -> None:
    assert stages(STUDY | {"uncertainties": ["msp"]})["train"] == 1
    everyone = STUDY | {"score": {"members": "all"}}
    assert stages(everyone)["score"] == 25
    members = {c.member for c in Study.load(everyone).combinations() if c.uncertainty == "msp"}
    assert members == {0, 1, 2}


def test_methods_share_the_plain_networks() -> None:
    alone = stages(STUDY | {"uncertainties": ["ensemble"]})
    both = stages(STUDY | {"uncertainties": ["ensemble", "msp"]})
    assert alone["infer"] == both["infer"]


def test_recipes() -> None:
    study = Study.load(STUDY)
    assert study.train == Recipe(epochs=2, lr=0.05)
    assert study.finetune == Recipe(epochs=1, lr=0.05)
    assert study.resrep == Recipe(
        epochs=180, batch_size=64, lr=0.01, weight_decay=1e-4, schedule="cosine_iteration",
        drop_last=True, decay_normalisation=False, bias_lr=2.0,
    )  # fmt: skip
    assert Study.load({k: v for k, v in STUDY.items() if k != "train"}).train == Recipe(epochs=200)


def test_numbers_that_are_equal_make_the_same_study() -> None:
    whole = STUDY | {"train": {"epochs": 2, "lr": 1}}
    assert (
        Plan.load(whole).nodes.keys()
        == Plan.load(STUDY | {"train": {"epochs": 2, "lr": 1.0}}).nodes.keys()
    )


def test_the_penalty_on_scales_ends_with_the_training() -> None:
    study = Study.load(STUDY | {"train": {"epochs": 2, "gamma_l1": 1e-4}})
    assert (study.train.gamma_l1, study.finetune.gamma_l1) == (1e-4, 0.0)


def test_a_default_spelt_out_is_the_same_study() -> None:
    spelt = STUDY | {"pruners": [{"name": "l1", "coupling": "group"}, "resrep"], "seed": 0}
    assert Plan.load(spelt).nodes.keys() == Plan.load(STUDY).nodes.keys()


def test_the_shipped_study_is_valid() -> None:
    plan = Plan.load(yaml.safe_load((ROOT / "config.yaml").read_text()))
    assert len(plan.combinations) == 66


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prunners": ["l1"]}, "unknown key 'prunners'; allowed: study, datasets"),
        ({"train": {"epocs": 3}}, "train: unknown key 'epocs'; allowed: epochs, batch_size"),
        ({"pruners": ["l2"]}, r"pruners\[0\]: unknown pruner 'l2'; known: batchnorm, hrank, l1"),
        ({"pruners": [{"name": "l1", "p": 2}]}, r"pruners\[0\]: unknown key 'p' for l1; allowed: "),
        (
            {"pruners": [{"name": "l1", "coupling": "loose"}]},
            r"pruners\[0\].coupling: 'loose' is not one of group, independent",
        ),
        ({"pruners": [{"name": "hrank", "batches": "5"}]}, "'5' is not of type int"),
        ({"sparsities": [0.4, 1.0]}, r"sparsities\[1\]: 1.0 is not at least 0 and below 1"),
        ({"sparsities": [-0.1]}, r"sparsities\[0\]: -0.1 is not at least 0 and below 1"),
        ({"sparsities": [0.4, 0.40]}, "sparsities: 0.4 is given more than once"),
        ({"pruners": ["l1", "l1"]}, "pruners: 'l1' is given more than once; give one"),
        ({"pruners": ["l1", {"name": "l1", "label": "x"}]}, "pruners: 'x' is the same as 'l1'"),
        ({"ensemble_size": 1}, "ensemble_size: 1 is not at least 2"),
        ({"ensemble_size": "3"}, "ensemble_size: '3' is not of type integer"),
        ({"datasets": []}, "datasets: needs at least 1 value"),
        ({"datasets": ["mnist"]}, r"datasets\[0\]: unknown data set 'mnist'; known: cifar10"),
        ({"datasets": [{"path": "x"}]}, r"datasets\[0\]: missing 'name'"),
        ({"train": {"schedule": "cos"}}, "train.schedule: 'cos' is not one of cosine, cosine_it"),
        ({"uncertainties": ["msp", "laplace"]}, "unknown uncertainty method 'laplace'"),
        ({"study": "a/b"}, "study: 'a/b' may hold only"),
        ({"plugins": ["nowhere.py"]}, "plugins: nowhere.py is not a file"),
        (
            {"datasets": [{"name": "digits", "download": True}]},
            "unknown key 'download' for digits; allowed: label, name, path, version",
        ),
        ({"sparsities": [float("nan")]}, r"sparsities\[0\]: nan is not a finite number"),
        ({"train": {"lr": float("inf")}}, "train.lr: inf is not a finite number"),
        ({"mc_samples": 2.0}, "mc_samples: 2.0 is not of type integer"),
        ({"seed": 2**70}, "seed: .* is not at least 0 and at most 9223372036854775807"),
        ({"study": "abc\n"}, "study: .* may hold only"),
        ({"pruners": [{"name": "l1", "label": "none"}]}, "label 'none' stands for unpruned"),
        ({"datasets": [{"name": "digits", "label": "studies"}]}, "label 'studies' is the folder"),
        ({"pruners": [{"name": "hrank", "batches": 0}]}, "batches: 0 is not above 0"),
        ({"architectures": [{"name": "vgg19", "width": -1}]}, "width: -1.0 is not above 0"),
        (
            {"architectures": [{"name": "resnet18", "init": {"plain-0": "X_Weights.DEFAULT"}}]},
            "X_Weights.DEFAULT may mean others tomorrow",
        ),
        ({"engine": "graphs=true"}, "^engine: unknown setting 'graphs'; known: channels_last, "),
        ({"frozen": "yes"}, "frozen: 'yes' is not one of false, true"),
        ({"jobs_per_gpu": 0}, "jobs_per_gpu: '0' is not a whole number above 0"),
        ({"jobs_per_gpu": 1.5}, "jobs_per_gpu: '1.5' is not a whole number above 0"),
        ({"device": "tpu"}, "device: 'tpu' is not one of auto, cpu"),
    ],
)
def test_a_bad_study_gets_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message) as caught:
        Plan.load(STUDY | change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "line 1 is not valid YAML"),
        ("- 1", "does not hold a study"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_study(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "study.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(PipelineError, match=message):
        Study.load(file)


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
    before = Plan.load(STUDY).nodes.keys()
    pruners = ["l1", "resrep", {"name": "largest", "power": 3}]
    study = STUDY | {"plugins": [str(plugin)], "pruners": pruners}
    after = Plan.load(study).nodes
    assert before <= after.keys()
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
    changed = set(eval(edited.stdout)) ^ set(after)
    assert changed
    assert all("largest" in folder for folder in changed)
