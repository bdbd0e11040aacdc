"""The one line that a bad study gets."""

from typing import Any

import pytest
from study.small import STUDY

from pipeline.errors import PipelineError
from pipeline.running.plan import Plan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prunners": ["l1"]}, "unknown key 'prunners'; allowed: study, datasets"),
        ({"train": {"epocs": 3}}, "train: unknown key 'epocs'; allowed: epochs, batch_size"),
        ({"pruners": ["l2"]}, r"pruners\[0\]: unknown pruner 'l2'; known: batchnorm, fpgm, gfbs"),
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
            "unknown key 'download' for digits; allowed: label, name, path, test_version, "
            "validation, version",
        ),
        ({"sparsities": [float("nan")]}, r"sparsities\[0\]: nan is not a finite number"),
        ({"train": {"lr": float("inf")}}, "train.lr: inf is not a finite number"),
        ({"mc_samples": 2.0}, "mc_samples: 2.0 is not of type integer"),
        ({"seed": 2**70}, "seed: .* is not at least 0 and at most 9223372036854775807"),
        ({"study": "a" * 256}, "^study: 256 characters are too many; at most 255"),
        (
            {"datasets": [{"name": "digits", "label": "a" * 101}]},
            r"datasets\[0\].label: 101 characters are too many; at most 100",
        ),
        ({"seed": None}, "^seed: has no value; give one, or leave the key out"),
        ({"ensemble_size": 10**9}, "ensemble_size: 1000000000 is not at least 2 and at most 1000"),
        ({"train": {"lr": "5e-x"}}, "train.lr: '5e-x' is not of type number"),
        ({"train": {"lr": "9e999"}}, "train.lr: inf is not a finite number"),
        ({"train": {"epochs": "1e2"}}, "train.epochs: '1e2' is not of type integer"),
        ({"prune": {}, "resrep": {}}, "prune and resrep are the same key; keep `prune:`"),
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
