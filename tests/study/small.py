"""A small study, and how it is changed."""

from typing import Any

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
