from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.cache.specs import Data, Prune, Recipe, Train
from pipeline.cutting.global_scope import divided_by_means, removed_below_one_threshold
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning import prune
from pipeline.registry import use_plugins

EXAMPLE = torch.zeros(1, 3, 32, 32)


class Halving(nn.Module):
    """Two convolutions, whose maps are of 8 and of 4 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, 2, padding=1)
        self.fc = nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.b(self.a(x).relu()).relu().mean(dim=(2, 3)))


def test_the_lowest_scores_of_all_layers_go() -> None:
    scores = [np.array([0.1, 0.2, 0.3, 0.9]), np.array([0.8, 0.7, 0.6, 0.4]), np.array([0.0, 1.0])]
    assert removed_below_one_threshold(scores, 5) == [3, 1, 1]
    assert removed_below_one_threshold(scores, 0) == [0, 0, 0]


def test_a_tenth_of_each_layer_stays() -> None:
    scores = [np.zeros(20), np.ones(40), np.zeros(3)]
    assert removed_below_one_threshold(scores, 21) == [18, 1, 2]
    assert removed_below_one_threshold(scores, 56) == [18, 36, 2]
    with pytest.raises(PipelineError, match=r"would remove 57 channels, and may remove 56"):
        removed_below_one_threshold(scores, 57)
    # 10 % of 10 is 1, however it is rounded.
    assert removed_below_one_threshold([np.arange(10.0)], 9) == [9]


def test_layers_are_brought_to_one_mean() -> None:
    scores = {"a": torch.tensor([1.0, 3.0]), "b": torch.tensor([300.0, 100.0]), "c": torch.zeros(2)}
    found = {name: each.tolist() for name, each in divided_by_means(scores).items()}
    assert found == {"a": [0.5, 1.5], "b": [1.5, 0.5], "c": [0.0, 0.0]}


def test_random_takes_the_same_share_of_each_layer() -> None:
    torch.manual_seed(0)
    model = build("resnet18", 5, width=0.25)
    _, report = prune(model, "random", 0.5, example_input=EXAMPLE, scope="global", seed=4)
    for name, width in report.widths.items():
        channels = model.get_submodule(name).out_channels
        assert abs(width - channels / 2) <= 1, name  # type: ignore[operator]


def test_l1_does_not_see_the_scale_of_a_layer() -> None:
    torch.manual_seed(0)
    model = build("vgg19", 5, width=0.125)
    _, before = prune(model, "l1", 0.5, example_input=EXAMPLE, scope="global")
    model.features[3].weight.data *= 64  # type: ignore[union-attr,index,operator]
    _, after = prune(model, "l1", 0.5, example_input=EXAMPLE, scope="global")
    assert before.kept == after.kept


def test_ranks_count_as_shares_of_the_largest_possible() -> None:
    torch.manual_seed(0)
    model, images = Halving().eval(), torch.randn(8, 3, 8, 8)
    _, report = prune(model, "hrank", 0.5, example_input=images, images=images, scope="global")
    with torch.no_grad():
        first = model.a(images).relu()
        maps = first, model.b(first).relu()
    shares = [torch.linalg.matrix_rank(each).double().mean(0) / each.shape[-1] for each in maps]
    # As they are, ranks of 4 × 4 maps are below those of 8 × 8 maps nearly always.
    threshold = torch.cat(shares).sort().values[24]
    for name, share in zip("ab", shares, strict=True):
        below = int((share < threshold).sum())
        ties = int((share == threshold).sum())
        assert below <= len(share) - report.widths[name] <= below + ties


def test_scales_of_batch_norms_are_compared_as_they_are() -> None:
    model = build("vgg19", 5, width=0.125)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.ones_(norm.weight)
    nn.init.constant_(norms[1].weight, 0.5)  # 8 of all 688 channels
    _, report = prune(model, "batchnorm", 0.01, example_input=EXAMPLE, scope="global")
    lost = {name: model.get_submodule(name).out_channels - n for name, n in report.widths.items()}  # type: ignore[operator]
    assert {name: number for name, number in lost.items() if number} == {"features.3": 6}


def test_masks_of_their_own_do_not_go_with_one_threshold() -> None:
    with pytest.raises(PipelineError, match=r"leaves summands of unequal width"):
        prune(
            build("resnet18", 5, width=0.125), "l1", 0.5,
            example_input=EXAMPLE, scope="global", coupling="independent",
        )  # fmt: skip


def test_only_specs_with_one_threshold_have_another_identity() -> None:
    train = Train(Data("digits"), "resnet18", Recipe(epochs=1))
    spec = Prune(train, "l1", 0.5)
    assert spec.units() == ["stages.prune", "pruning.l1"]
    spec = Prune(train, "l1", 0.5, options=(("scope", "global"),))
    assert spec.units() == ["stages.prune", "pruning.l1", "cutting.global_scope"]


def test_ranks_of_networks_of_ones_own_have_another_identity_too(tmp_path: Path) -> None:
    """Their maps were not always those after the activation."""
    (tmp_path / "mine.py").write_text("def build(num_classes, *, width: float = 1.0): ...\n")
    use_plugins([tmp_path / "mine.py"])
    units = {
        arch: Prune(Train(Data("digits"), arch, Recipe(epochs=1)), "hrank", 0.5).units()
        for arch in ("resnet18", "mine")
    }
    assert units["resnet18"] == ["stages.prune", "pruning.hrank"]
    assert units["mine"] == ["stages.prune", "pruning.hrank", "cutting.feature_maps"]
