"""What is found before anything is trained."""

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.pruning.rehearsal import faults
from pipeline.registry import use_plugins

PRUNERS: list[tuple[str, dict[str, Any]]] = [
    ("random", {}), ("l1", {"scope": "global"}), ("batchnorm", {"coupling": "independent"}),
    ("hrank", {"batches": 1, "recalibrate": True}), ("resrep", {"schedule": "reach"}),
    ("taylor", {"of": "scale"}), ("fpgm", {"round_to": 2}), ("gfbs", {"target": "macs"}),
    ("lamp", {"scope": "global"}), ("scratch", {"like": "gfbs", "scope": "global"}),
    ("torch_pruning", {"importance": "GroupTaylorImportance", "target": "parameters"}),
]  # fmt: skip

PLUGIN = """
from cutting import networks
from torch import nn

def build(num_classes, *, dropout=0.0, image_size=32, kind="Network"):
    model = getattr(networks, kind)()
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    """An architecture of one's own, whose option says which network it is."""
    file = tmp_path / "own.py"
    file.write_text(PLUGIN)
    use_plugins([file])
    return "own"


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
def test_the_shipped_networks_have_no_faults(arch: str) -> None:
    state = torch.get_rng_state()
    assert faults(arch, {"width": 0.0625}, PRUNERS, sparsity=0.8, dropout=0.1, classes=7) == []
    assert torch.equal(state, torch.get_rng_state())


def test_what_cannot_be_cut_is_one_line_for_all_pruners(own: str) -> None:
    pruners = [("random", {}), ("l1", {}), ("resrep", {})]
    assert faults(own, {"kind": "Transposed"}, pruners, image_size=8) == []
    (found,) = faults(own, {"kind": "PixelShuffle"}, pruners, image_size=8)
    assert found.startswith("random, l1, resrep: b: the channels of a cannot be followed there")


@pytest.mark.parametrize("kind", ["Shuffle", "ModuleShuffle", "Roll", "RollByHalf"])
def test_channels_that_change_places_are_found_before_training(own: str, kind: str) -> None:
    """Also where some cuts come out right: of every second channel, say, or of the first half."""
    (found,) = faults(own, {"kind": kind}, [("l1", {})], image_size=8)
    assert found == (
        "l1: b: takes in the channels of a in another order, which differs from cut to cut"
    )


def test_each_pruner_has_its_own_reason(own: str) -> None:
    pruners = [
        ("l1", {}),
        ("l1", {"scope": "global", "coupling": "independent"}),
    ]
    assert faults(own, {}, pruners, image_size=8) == [
        "l1: scope: global with coupling: independent leaves summands of unequal width; "
        "use coupling: group, or scope: layer",
    ]


def test_a_sparsity_that_global_scope_cannot_reach(own: str) -> None:
    (found,) = faults(own, {}, [("l1", {"scope": "global"})], sparsity=0.95, image_size=8)
    assert found == (
        "l1: scope: global would remove 15 channels, and may remove 14: each layer keeps 10% of "
        "its channels; lower the sparsity"
    )


def test_each_pruner_is_tried_at_its_own_sparsity(own: str) -> None:
    pruners = [("l1", {"scope": "global"}), ("random", {"scope": "global"})]
    assert faults(own, {}, pruners, sparsity=[0.5, 0.8], image_size=8) == []
    (found,) = faults(own, {}, pruners, sparsity=[0.5, 0.95], image_size=8)
    assert found.startswith("random: scope: global would remove 15 channels")


def test_options_that_name_what_is_not_there(own: str) -> None:
    pruners: list[tuple[str, dict[str, Any]]] = [
        ("l1", {"ignored": ("conv9",)}), ("taylor", {"layers": (("conv9", 0.5),)}),
        ("torch_pruning", {"importance": "Best"}), ("random", {"target": "macs"}),
    ]  # fmt: skip
    found = faults(own, {}, pruners, sparsity=[0.5, 0.5, 0.5, 0.999], image_size=8)
    starts = (
        "l1: ignored: no convolution is called 'conv9'; there are a, b",
        "taylor: layers: no convolution is called 'conv9'; there are a, b",
        "torch_pruning: unknown importance 'Best'; known: ",
        "random: target: macs: at most ",
    )
    assert len(found) == len(starts)
    assert all(line.startswith(start) for line, start in zip(found, starts, strict=True))


def test_mc_dropout_of_a_network_without_dropout(own: str) -> None:
    assert faults(own, {}, [], dropout=0.2, image_size=8) == [
        "mc_dropout: own has no dropout layers (pipeline.models.shared.dropout.Dropout), so that "
        "all passes would be equal"
    ]
    assert faults(own, {}, [], image_size=8) == []


def test_a_network_that_does_not_run(own: str) -> None:
    assert faults("vgg19", {}, PRUNERS, image_size=8) == [
        "vgg19 halves images five times: image_size is 8, not >= 32"
    ]
    (found,) = faults(own, {"kind": "TupleOutput"}, [("l1", {})], image_size=8)
    assert found == "in training mode the network gives tuple, not logits [8, 10]"
