import copy

import pytest
import torch

from pipeline.cutting.recalibration import recalibrate
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning import prune

IMAGES = torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 3 + 1


def test_statistics_are_those_of_the_images() -> None:
    torch.manual_seed(0)
    model = build("resnet18", 4, width=1 / 16, dropout=0.5, image_size=8).train()
    before = copy.deepcopy(model.state_dict())
    recalibrate(model, IMAGES, batch_size=32)
    with torch.no_grad():
        maps = model.conv1(IMAGES)  # type: ignore[operator]
    torch.testing.assert_close(model.bn1.running_mean, maps.mean(dim=(0, 2, 3)))  # type: ignore[union-attr]
    halves = [part.var(dim=(0, 2, 3)) for part in maps.split(32)]
    torch.testing.assert_close(model.bn1.running_var, torch.stack(halves).mean(0))  # type: ignore[union-attr]
    assert model.training
    assert model.bn1.momentum == 0.1  # type: ignore[union-attr]
    changed = {
        name for name, old in before.items() if not torch.equal(old, model.state_dict()[name])
    }
    assert {name.rpartition(".")[2] for name in changed} == {
        "running_mean", "running_var", "num_batches_tracked",
    }  # fmt: skip


def test_pruning_recalibrates_on_request() -> None:
    torch.manual_seed(0)
    model = build("resnet18", 4, width=1 / 4, image_size=8).eval()
    plain, _ = prune(model, "l1", 0.5, example_input=IMAGES[:1])
    anew, _ = prune(model, "l1", 0.5, example_input=IMAGES[:1], images=IMAGES, recalibrate=True)
    assert not torch.equal(plain.bn1.running_mean, anew.bn1.running_mean)  # type: ignore[union-attr,arg-type]
    assert torch.equal(plain.conv1.weight, anew.conv1.weight)  # type: ignore[union-attr,arg-type]
    with pytest.raises(PipelineError, match="recalibrate needs training images"):
        prune(model, "l1", 0.5, example_input=IMAGES[:1], recalibrate=True)
