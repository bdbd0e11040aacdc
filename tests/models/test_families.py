"""Every family of torchvision is pruned rightly, or refused in one line."""

import runpy
from pathlib import Path

import pytest

NETWORKS = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "networks.py"))
REFUSED = {
    "shufflenet": "divides its channels into 2 parts",
    "swin": "transformers cannot be pruned by channels",
    "vit": "transformers cannot be pruned by channels",
}
WITHOUT_BATCH_NORM = {"alexnet", "convnext", "squeezenet"}


def test_seventeen_families_are_convolutional() -> None:
    assert len(NETWORKS["FAMILIES"].keys() - {"swin", "vit"}) == 17


@pytest.mark.slow
@pytest.mark.parametrize("family", NETWORKS["FAMILIES"])
def test_a_network_of_each_family(family: str) -> None:
    model, size = NETWORKS["FAMILIES"][family]
    found = NETWORKS["verdicts"](model, size, ("random", "l1", "batchnorm"))
    for pruner, reason in found.items():
        if family in REFUSED:
            assert REFUSED[family] in reason
            assert "\n" not in reason
        elif pruner == "batchnorm" and family in WITHOUT_BATCH_NORM:
            assert reason.startswith("no batch norm follows ")
        else:
            assert reason == ""
