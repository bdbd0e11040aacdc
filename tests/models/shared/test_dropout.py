import itertools

import pytest
import torch
from torch import Tensor

from pipeline.models import build
from pipeline.models.shared import dropout as module
from pipeline.models.shared.dropout import Dropout, has_dropout, sampling, splits_passes

SHAPE = (16, 12, 10)


def masks(
    seed: int = 0, ids: list[int] | None = None, passes: list[int] | None = None, layers: int = 1
) -> Tensor:
    """Float [B, layers, C, H, W]: 1 where an element is dropped."""
    ids = ids or [0]
    passes = passes or [0] * len(ids)
    model = torch.nn.ModuleList(Dropout(0.2) for _ in range(layers)).eval()
    ones = torch.ones(len(ids), *SHAPE)
    with sampling(model, seed, torch.tensor(ids), torch.tensor(passes)):
        return torch.stack([layer(ones) == 0 for layer in model], dim=1).float()


def test_the_generator_is_splitmix64() -> None:
    # The first numbers of the reference implementation for the seed 1234567.
    states = 1234567 + torch.arange(1, 4) * module._GAMMA
    numbers = [number % 2**64 for number in module._mixed(states).tolist()]
    assert numbers == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_fifth_is_dropped_and_the_rest_scaled() -> None:
    layer = Dropout(0.2).eval()
    x = torch.rand(50, *SHAPE) + 1
    ids = torch.arange(50)
    with sampling(layer, 0, ids, torch.zeros_like(ids)):
        out = layer(x)
    kept = out != 0
    assert kept.float().mean().item() == pytest.approx(0.8, abs=0.005)
    torch.testing.assert_close(out[kept], x[kept] / 0.8)


def test_masks_look_independent() -> None:
    # 19,200 elements: a correlation's standard deviation is 0.007, so 0.03 is beyond four of them.
    ids, passes = [5, 6, 5, 6, 5], [0, 0, 1, 1, 2]
    drawn = masks(0, ids, passes, layers=2)
    other_seed = masks(1, ids, passes, layers=2)
    flat = torch.cat([drawn, other_seed]).flatten(2).flatten(0, 1)  # 20 masks
    for one, other in itertools.combinations(flat, 2):
        assert abs(torch.corrcoef(torch.stack([one, other]))[0, 1]) < 0.1
    correlations = torch.corrcoef(flat) - torch.eye(len(flat))
    assert correlations.pow(2).mean().sqrt() < 0.03


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_neighbours_look_independent(dim: int) -> None:
    drawn = masks(3, list(range(40)))[:, 0]
    for distance in (1, 2, 4, 8):
        one = drawn.narrow(dim, 0, drawn.shape[dim] - distance).flatten()
        other = drawn.narrow(dim, distance, drawn.shape[dim] - distance).flatten()
        assert abs(torch.corrcoef(torch.stack([one, other]))[0, 1]) < 0.02


def test_every_element_is_dropped_in_a_fifth_of_the_images() -> None:
    rates = masks(0, list(range(500)))[:, 0].mean(0)
    # Binomial with 500 draws: standard deviation 0.018.
    assert rates.std().item() == pytest.approx(0.018, abs=0.002)
    assert rates.min() > 0.1
    assert rates.max() < 0.3


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
def test_masks_do_not_depend_on_the_batch(arch: str) -> None:
    model = build(arch, 5, width=0.125, dropout=0.2)
    images = torch.randn(6, 3, 32, 32)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    model(images)  # the signal of an untrained network fades otherwise
    model.eval()
    ids, passes = torch.tensor([3, 1, 4, 1, 5, 9]), torch.tensor([0, 0, 1, 2, 2, 3])

    def logits(order: list[int]) -> Tensor:
        with torch.no_grad(), sampling(model, 7, ids[order], passes[order]):
            return model(images[order])

    together = logits([0, 1, 2, 3, 4, 5])
    apart = torch.cat([logits([3, 5]), logits([1]), logits([4, 0, 2])])
    torch.testing.assert_close(apart, together[[3, 5, 1, 4, 0, 2]], rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        plain = model(images)
    assert (together - plain).abs().min(dim=1).values.max() > 1e-4
    with torch.no_grad():
        assert torch.equal(model(images), plain)  # outside the context nothing is dropped


def test_memory_format_does_not_matter() -> None:
    layer = Dropout(0.5).eval()
    x = torch.randn(3, *SHAPE)
    ids = torch.arange(3)
    with sampling(layer, 0, ids, ids):
        contiguous, last = layer(x), layer(x.to(memory_format=torch.channels_last))
    assert torch.equal(contiguous, last)
    assert last.is_contiguous(memory_format=torch.channels_last)


def test_in_training_it_is_ordinary_dropout() -> None:
    layer = Dropout(0.2).train()
    x = torch.ones(1000)
    torch.manual_seed(0)
    expected = torch.nn.functional.dropout(x, 0.2)
    torch.manual_seed(0)
    assert torch.equal(layer(x), expected)


def test_has_dropout() -> None:
    assert has_dropout(build("vgg19", 3, width=0.05, dropout=0.1))
    assert not has_dropout(build("vgg19", 3, width=0.05))


class Around(torch.nn.Module):
    """A sum that goes around its first dropout layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Dropout(0.5), Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x) + x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
def test_passes_part_at_the_first_dropout(arch: str) -> None:
    model = build(arch, 5, width=0.125, dropout=0.2).eval()
    assert splits_passes(model)
    rows: list[int] = []
    stem = next(m for m in model.modules() if isinstance(m, torch.nn.Conv2d))
    stem.register_forward_hook(lambda module, inputs, out: rows.append(len(out)))
    images = torch.randn(2, 3, 32, 32)
    ids, passes = torch.tensor([3, 1] * 3), torch.tensor([0, 0, 1, 1, 2, 2])
    with torch.no_grad(), sampling(model, 7, ids, passes):
        shared, repeated = model(images), model(images.repeat(3, 1, 1, 1))
    torch.testing.assert_close(shared, repeated, rtol=1e-4, atol=1e-5)
    assert rows == [2, 6]


def test_what_goes_around_the_first_dropout_is_not_shared() -> None:
    assert not splits_passes(Around())
    assert splits_passes(torch.nn.Sequential(torch.nn.ReLU(), Dropout(0.5), torch.nn.ReLU()))
    assert not splits_passes(torch.nn.Sequential(Dropout(0.0), torch.nn.ReLU()))


class Branching(torch.nn.Module):
    """What torch.fx cannot trace."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(x) if x.sum() > 0 else x  # type: ignore[no-any-return]


class Checking(Branching):
    """What refuses a proxy with an error of its own."""

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise ValueError("not an image")
        return self.dropout(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("network", [Branching, Checking])
def test_a_network_that_cannot_be_traced_shares_nothing(network: type[torch.nn.Module]) -> None:
    assert not splits_passes(network())
