"""The training loop: its recipe, its optimiser, its batches, and going on after an interruption."""

import math
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import transforms

from pipeline.cache import paths
from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset
from pipeline.engine.batches import Batches
from pipeline.engine.training import (
    SGD,
    Extension,
    ParameterGroup,
    fit,
    learning_rate,
    parameter_groups,
)
from pipeline.errors import Interrupted, PipelineError
from pipeline.models import build

MakeDataset = Callable[..., Dataset]
RECIPE = Recipe(epochs=3, batch_size=8, lr=0.05)


def network() -> nn.Module:
    torch.manual_seed(0)
    return build("resnet18", 4, width=1 / 16, dropout=0.2, image_size=8)


def test_cosine_is_torchs() -> None:
    # kuangliu/pytorch-cifar: CosineAnnealingLR(T_max=epochs), stepped once an epoch.
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=200)
    for epoch in range(200):
        expected = optimiser.param_groups[0]["lr"]
        assert learning_rate(Recipe(200), epoch, 17, 391) == pytest.approx(expected, abs=1e-12)
        optimiser.step()
        schedule.step()


@pytest.mark.parametrize(
    ("recipe", "position", "expected"),
    [
        (Recipe(90, schedule="step"), (29, 0, 10), 0.1),
        (Recipe(90, schedule="step"), (30, 0, 10), 0.01),
        (Recipe(90, schedule="step"), (89, 9, 10), 0.001),
        (Recipe(10, schedule="cosine_iteration"), (5, 0, 10), 0.05),
        (
            Recipe(10, schedule="cosine_iteration"),
            (9, 9, 10),
            0.05 * (1 + math.cos(0.99 * math.pi)),
        ),
        (Recipe(10, warmup_epochs=2), (0, 0, 4), 0.1 / 8),
        (Recipe(10, warmup_epochs=2), (0, 3, 4), 0.1 / 2),
        (Recipe(10, warmup_epochs=2), (5, 0, 4), 0.05),
    ],
)
def test_schedules(recipe: Recipe, position: tuple[int, int, int], expected: float) -> None:
    assert learning_rate(recipe, *position) == pytest.approx(expected)


def test_sgd_is_torchs() -> None:
    mine, other = network(), network()
    recipe = Recipe(1, weight_decay=1e-2, decay_normalisation=False, bias_lr=2.0)
    groups = parameter_groups(mine, recipe)
    named = {id(p): name for name, p in mine.named_parameters()}
    twin = dict(other.named_parameters())
    reference = torch.optim.SGD(
        [
            {"params": [twin[named[id(p)]] for p in group.parameters],
             "weight_decay": group.weight_decay, "lr": 0.05 * group.lr_scale}
            for group in groups
        ],
        lr=0.05,
        momentum=0.9,
    )  # fmt: skip
    optimiser = SGD(groups)
    images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        for model in (mine, other):
            model.eval()(images).square().mean().backward()
        optimiser.step(0.05)
        reference.step()
        reference.zero_grad()
    for name, parameter in mine.named_parameters():
        torch.testing.assert_close(parameter, twin[name])


def test_weight_decay_groups() -> None:
    model = build("vgg19", 10, width=1 / 16)
    groups = parameter_groups(model, Recipe(1, decay_normalisation=False, bias_lr=2.0))
    # 16 convolutions and the head; 16 batch norms; a bias for each of these 33.
    assert [(len(g.parameters), g.weight_decay, g.lr_scale) for g in groups] == [
        (17, 5e-4, 1.0), (16, 0.0, 1.0), (33, 0.0, 2.0),
    ]  # fmt: skip


def test_an_epoch_shows_every_image_once(make_dataset: MakeDataset) -> None:
    data = make_dataset(train=42)
    batches = Batches(data, Recipe(1, batch_size=8, augment=False), 0, torch.device("cpu"))
    found = list(batches.epoch(0))
    assert [len(labels) for _, labels in found] == [8] * 5 + [2]
    seen = torch.cat([images for images, _ in found]).flatten(1)
    expected = data.normalise(data.train.images).flatten(1)
    assert torch.equal(seen.sum(1).sort().values, expected.sum(1).sort().values)
    shorter = Batches(data, Recipe(1, batch_size=8, drop_last=True), 0, torch.device("cpu"))
    assert [len(labels) for _, labels in shorter.epoch(0)] == [8] * 5


def test_another_epoch_has_another_order_and_the_same_epoch_the_same(
    make_dataset: MakeDataset,
) -> None:
    batches = Batches(make_dataset(), RECIPE, 0, torch.device("cpu"))
    first, again, second = (
        torch.cat([images for images, _ in batches.epoch(epoch)]) for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    late = torch.cat([images for images, _ in batches.epoch(0, start=3)])
    assert torch.equal(late, first[3 * 8 :])


def test_augmentation_has_the_distribution_of_torchvisions(make_dataset: MakeDataset) -> None:
    size, pad, count = 4, 1, 6000
    data = make_dataset(train=1, test=4, classes=4, size=size)
    picture = torch.arange(3 * size * size, dtype=torch.uint8).reshape(3, size, size) + 1
    data.train.images.copy_(picture[None])
    many = Dataset(
        type(data.train)(
            data.train.images.expand(count, -1, -1, -1),
            data.train.labels.expand(count),
            torch.arange(count),
        ),
        data.test, data.classes, (0.0,) * 3, (1 / 255,) * 3, pad=pad, flip=True,
    )  # fmt: skip
    batches = Batches(many, Recipe(1, batch_size=count), 0, torch.device("cpu"))
    (ours, _), *_ = batches.epoch(0)
    theirs = transforms.Compose(
        [transforms.RandomCrop(size, padding=pad), transforms.RandomHorizontalFlip()]
    )
    torch.manual_seed(0)
    possible = {tuple(theirs(picture).flatten().tolist()) for _ in range(1000)}
    found = [tuple(image) for image in ours.flatten(1).round().int().tolist()]
    assert len(possible) == 9 * 2
    assert set(found) == possible
    counts = torch.tensor([found.count(each) for each in possible], dtype=torch.float64)
    # Pearson's chi-squared with 17 degrees of freedom exceeds 40.8 with probability 0.001.
    expected = count / 18
    assert ((counts - expected) ** 2 / expected).sum() < 40.8


class StopAt(Extension):
    """Sends SIGTERM to its own process in the middle of an iteration."""

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def before_step(self, iteration: int) -> None:
        if iteration == self.iteration:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("iteration", [0, 2, 4, 6, 14])
def test_an_interrupted_training_ends_with_the_same_bits(
    make_dataset: MakeDataset, tmp_path: Path, iteration: int
) -> None:
    data, whole, parts = make_dataset(), network(), network()
    fit(whole, data, RECIPE, seed=5)
    where = {"folder": tmp_path, "fingerprint": "abc"}
    with pytest.raises(Interrupted):
        fit(parts, data, RECIPE, seed=5, extension=StopAt(iteration), **where)  # type: ignore[arg-type]
    resumed = network()
    fit(resumed, data, RECIPE, seed=5, **where)  # type: ignore[arg-type]
    for (name, one), two in zip(
        whole.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name


def test_a_resume_file_of_another_training_is_not_continued(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, whole, other = make_dataset(), network(), network()
    fit(whole, data, RECIPE, seed=5)
    with pytest.raises(Interrupted):
        fit(network(), data, RECIPE, seed=6, folder=tmp_path, fingerprint="a", extension=StopAt(3))
    fit(other, data, RECIPE, seed=5, folder=tmp_path, fingerprint="b")
    assert "starting over" in capsys.readouterr().out
    assert torch.equal(whole.conv1.weight, other.conv1.weight)  # type: ignore[union-attr,arg-type]


def test_a_damaged_resume_file_is_not_continued(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / paths.RESUME).write_bytes(b"garbage")
    fit(network(), make_dataset(), Recipe(1), seed=0, folder=tmp_path, fingerprint="a")
    assert "starting over" in capsys.readouterr().out


def test_divergence_is_named(make_dataset: MakeDataset) -> None:
    with pytest.raises(PipelineError, match=r"diverged in epoch \d of 3 .*lower lr"):
        fit(network(), make_dataset(), Recipe(3, lr=1e30), seed=0)


def test_an_extension_gives_the_groups(make_dataset: MakeDataset) -> None:
    model = network()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}

    class HeadOnly(Extension):
        def parameter_groups(self, model: nn.Module) -> list[ParameterGroup]:
            return [ParameterGroup([model.fc.weight], 0.9, 0.0)]  # type: ignore[union-attr,list-item]

    fit(model, make_dataset(), Recipe(1), seed=0, extension=HeadOnly())
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"fc.weight"}


def test_learning_happens(make_dataset: MakeDataset) -> None:
    torch.manual_seed(0)
    model = build("resnet18", 4, width=1 / 8, image_size=8)
    recipe = Recipe(12, batch_size=16, lr=0.05, warmup_epochs=1, augment=False)
    history = fit(model, make_dataset(train=160), recipe, seed=0)
    assert len(history) == 12
    assert history[-1].accuracy > 0.9 > history[0].accuracy


def test_an_l1_penalty_shrinks_the_scales(make_dataset: MakeDataset) -> None:
    def scales(gamma_l1: float) -> float:
        model = network()
        fit(model, make_dataset(), Recipe(2, batch_size=8, lr=0.05, gamma_l1=gamma_l1), seed=0)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        return sum(float(norm.weight.detach().abs().mean()) for norm in norms) / len(norms)

    assert scales(1e-2) < scales(0.0) - 0.01
