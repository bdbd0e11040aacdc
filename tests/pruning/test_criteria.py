"""Each criterion against its formula, written out as loops over a small network."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.errors import PipelineError
from pipeline.pruning import prune, scores

IMAGES = torch.randn(7, 3, 6, 6, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(7) % 3
EXAMPLE = IMAGES[:1]


class Small(nn.Module):
    """Two convolutions with batch norms, whose scales, shifts and statistics are no defaults."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.an = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.b, self.bn = nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 3)
        for norm in (self.an, self.bn):
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
            nn.init.uniform_(norm.running_mean, -0.1, 0.1)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.b(self.an(self.a(x)).relu())).relu()
        return self.fc(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]


def loss_of(model: nn.Module, start: int, stop: int) -> Tensor:
    logits = model.eval()(IMAGES[start:stop])
    total = torch.zeros(())
    for row, label in zip(logits, LABELS[start:stop], strict=True):
        total = total - torch.log(row[label].exp() / row.exp().sum())
    return total / (stop - start)


def slope(model: nn.Module, tensor: Tensor, index: tuple[int, ...], start: int, stop: int) -> float:
    """A derivative of the loss, as the difference of the losses on both sides."""
    model.double()
    images = IMAGES.double()
    values = []
    step = 1e-5
    for sign in (1, -1):
        with torch.no_grad():
            tensor[index] += sign * step
            logits = model.eval()(images[start:stop])
            values.append(F.cross_entropy(logits, LABELS[start:stop]).item())
            tensor[index] -= sign * step
    return (values[0] - values[1]) / (2 * step)


def test_taylor_of_filters() -> None:
    model = Small()
    found = scores(
        model, "taylor", example_input=EXAMPLE, images=IMAGES, labels=LABELS, batches=2,
        batch_size=3,
    )  # fmt: skip
    # Two batches of three images; the seventh image is not looked at.
    for name, layer in (("a", model.a), ("b", model.b)):
        weight = layer.weight
        assert len(found[name]) == len(weight)
        batches = []
        for start in (0, 3):
            model.zero_grad()
            loss_of(model, start, start + 3).backward()
            assert weight.grad is not None
            squares = []
            for channel in range(len(weight)):
                change = 0.0
                for w, g in zip(
                    weight[channel].flatten().tolist(), weight.grad[channel].flatten().tolist(),
                    strict=True,
                ):  # fmt: skip
                    change += w * g
                squares.append(change**2)
            batches.append(squares)
        expected = [(one + two) / 2 for one, two in zip(*batches, strict=True)]
        assert found[name].tolist() == pytest.approx(expected, rel=1e-4)


def test_taylor_of_scales_is_the_change_of_the_loss() -> None:
    model = Small()
    found = scores(
        model, "taylor", example_input=EXAMPLE, images=IMAGES, labels=LABELS, of="scale",
        batch_size=7,
    )  # fmt: skip
    for name, norm in (("a", model.an), ("b", model.bn)):
        expected = [
            (norm.weight[c].item() * slope(model, norm.weight, (c,), 0, 7)) ** 2
            for c in range(len(norm.weight))
        ]
        assert found[name].tolist() == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_the_last_batch_may_be_short() -> None:
    model = Small()
    given: dict[str, Any] = {"example_input": EXAMPLE, "batch_size": 4}
    both = scores(model, "taylor", images=IMAGES, labels=LABELS, **given)
    first = scores(model, "taylor", images=IMAGES[:4], labels=LABELS[:4], **given)
    second = scores(model, "taylor", images=IMAGES[4:], labels=LABELS[4:], **given)
    assert torch.allclose(both["a"], (first["a"] + second["a"]) / 2)


def test_gfbs() -> None:
    model = Small()
    found = scores(
        model, "gfbs", example_input=EXAMPLE, images=IMAGES, labels=LABELS, batch_size=5, shift=0.2
    )
    for name, norm in (("a", model.an), ("b", model.bn)):
        size = len(norm.weight)
        slopes = [slope(model, norm.weight, (c,), 0, 5) for c in range(size)]
        gammas, betas = norm.weight.tolist(), norm.bias.tolist()
        length = [math.sqrt(sum(v * v for v in each)) for each in (gammas, slopes, betas)]
        expected = [
            abs(gammas[c]) / length[0] * abs(slopes[c]) / length[1] + 0.2 * betas[c] / length[2]
            for c in range(size)
        ]
        assert found[name].tolist() == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_gfbs_of_a_norm_as_initialised() -> None:
    model = Small()
    nn.init.zeros_(model.an.bias)
    found = scores(model, "gfbs", example_input=EXAMPLE, images=IMAGES, labels=LABELS)
    assert found["a"].isfinite().all()


def test_fpgm() -> None:
    model = Small()
    found = scores(model, "fpgm", example_input=EXAMPLE)
    for name, layer in (("a", model.a), ("b", model.b)):
        rows = [each.flatten().tolist() for each in layer.weight]
        expected = [sum(math.dist(one, other) for other in rows) for one in rows]
        assert found[name].tolist() == pytest.approx(expected)


def test_lamp() -> None:
    model = Small()
    with torch.no_grad():
        model.a.weight[2] = 0.0
    found = scores(model, "lamp", example_input=EXAMPLE)
    for name, layer in (("a", model.a), ("b", model.b)):
        squares = [sum(v * v for v in each.flatten().tolist()) for each in layer.weight]
        expected = [
            one / sum(other for other in squares if other >= one) if one else 0.0 for one in squares
        ]
        assert found[name].tolist() == pytest.approx(expected)
        assert max(found[name]) == 1  # the largest filter of each layer goes last
    _, report = prune(model, "lamp", 0.5, example_input=EXAMPLE, scope="global")
    every = sorted((value, name) for name in "ab" for value in found[name].tolist())
    gone = [name for _, name in every[:5]]
    assert report.widths == {"a": 4 - gone.count("a"), "b": 6 - gone.count("b")}


def test_torch_pruning_by_magnitude() -> None:
    model = Small()
    found = scores(model, "torch_pruning", example_input=EXAMPLE)
    for name, layer, norm, after in (
        ("a", model.a, model.an, model.b),
        ("b", model.b, model.bn, model.fc),
    ):
        sums = []
        for c in range(len(layer.weight)):
            squares = [
                sum(v * v for v in layer.weight[c].flatten().tolist()),
                norm.weight[c].item() ** 2,
                sum(v * v for v in after.weight[:, c].flatten().tolist()),
            ]
            sums.append(sum(squares) / 3)
        mean = sum(sums) / len(sums)
        assert found[name].tolist() == pytest.approx([each / mean for each in sums], rel=1e-5)


@pytest.mark.parametrize(
    "importance",
    ["GroupTaylorImportance", "GroupHessianImportance", "BNScaleImportance", "LAMPImportance",
     "FPGMImportance", "RandomImportance", "MagnitudeImportance"],
)  # fmt: skip
def test_torch_pruning_by_other_names(importance: str) -> None:
    model = Small()
    given: dict[str, Any] = {"example_input": EXAMPLE, "images": IMAGES, "labels": LABELS}
    found = scores(model, "torch_pruning", importance=importance, seed=3, **given)
    assert [each.shape for each in found.values()] == [(4,), (6,)]
    again = scores(model, "torch_pruning", importance=importance, seed=3, **given)
    assert all(torch.equal(found[name], again[name]) for name in "ab")


def test_torch_prunings_taylor_takes_the_gradient_of_the_loss() -> None:
    model = Small()
    found = scores(
        model, "torch_pruning", importance="GroupTaylorImportance", example_input=EXAMPLE,
        images=IMAGES, labels=LABELS,
    )  # fmt: skip
    loss_of(model, 0, 7).backward()
    sums = []
    for c in range(4):
        # The library leaves out batch norms.
        pairs = [
            (model.a.weight[c], model.a.weight.grad[c]),  # type: ignore[index]
            (model.b.weight[:, c], model.b.weight.grad[:, c]),
        ]  # type: ignore[index]
        sums.append(sum((weight * gradient).abs().sum().item() for weight, gradient in pairs) / 2)
    mean = sum(sums) / len(sums)
    assert found["a"].tolist() == pytest.approx([each / mean for each in sums], rel=1e-4)


def test_scratch_keeps_widths_and_no_weights() -> None:
    model = Small()
    model.a.weight.data.fill_(5.0)
    smaller, report = prune(model, "scratch", 0.5, example_input=EXAMPLE, seed=1)
    assert report.widths == {"a": 2, "b": 3}
    # As torch.nn draws a convolution of these widths: uniform up to 1 / √(inputs · 9).
    assert smaller.a.weight.abs().max() <= 1 / math.sqrt(27)  # type: ignore[union-attr,operator]
    assert smaller.b.weight.abs().max() <= 1 / math.sqrt(2 * 9)  # type: ignore[union-attr,operator]
    assert smaller.an.weight.tolist() == [1.0, 1.0]  # type: ignore[union-attr,operator]
    assert smaller.an.running_var.tolist() == [1.0, 1.0]  # type: ignore[union-attr,operator]
    again, _ = prune(model, "scratch", 0.5, example_input=EXAMPLE, seed=1)
    other, _ = prune(model, "scratch", 0.5, example_input=EXAMPLE, seed=2)
    assert torch.equal(smaller.fc.weight, again.fc.weight)  # type: ignore[union-attr,arg-type]
    assert not torch.equal(smaller.fc.weight, other.fc.weight)  # type: ignore[union-attr,arg-type]


def test_scratch_may_have_the_widths_of_another_criterion() -> None:
    model = Small()
    with torch.no_grad():
        model.an.weight.copy_(torch.tensor([0.1, 0.2, 0.3, 9.0]))
        model.bn.weight.copy_(torch.tensor([0.15, 0.25, 5.0, 6.0, 7.0, 8.0]))
    given: dict[str, Any] = {"example_input": EXAMPLE, "scope": "global"}
    _, own = prune(model, "batchnorm", 0.5, **given)
    smaller, report = prune(model, "scratch", 0.5, like="batchnorm", **given)
    assert own.widths == report.widths == {"a": 1, "b": 4}
    assert not torch.equal(smaller.b.weight[0], model.b.weight[0, 3:])  # type: ignore[union-attr,index]
    _, uniform = prune(model, "scratch", 0.5, **given)
    assert uniform.widths == {"a": 2, "b": 3}


class Scaled(Small):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


@pytest.mark.parametrize(
    ("pruner", "options", "message"),
    [
        ("taylor", {}, "taylor needs training images with labels"),
        ("gfbs", {"images": IMAGES}, "gfbs needs training images with labels"),
        ("lamp", {}, "lamp needs scope: global: its scores only compare layers"),
        ("scratch", {"like": "l1"},
         "like needs scope: global; in scope: layer it would change nothing"),
        ("scratch", {"like": "resrep", "scope": "global"},
         "scratch: like: resrep does not score channels"),
        ("torch_pruning", {"importance": "Nothing"},
         "unknown importance 'Nothing'; known: ActivationImportance, BNScale"),
        ("torch_pruning", {"importance": "GroupTaylorImportance"},
         "torch_pruning needs training images with labels"),
        ("torch_pruning", {"importance": "OBDCImportance"},
         "OBDCImportance cannot score a: "),
    ],
)  # fmt: skip
def test_what_is_refused(pruner: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=f"^{message}") as caught:
        prune(Small(), pruner, 0.5, example_input=EXAMPLE, **options)
    assert "\n" not in str(caught.value)


def test_scratch_refuses_what_it_cannot_draw_anew() -> None:
    with pytest.raises(PipelineError, match=r"^scratch: : how to draw a Scaled anew is not known"):
        prune(Scaled(), "scratch", 0.5, example_input=EXAMPLE, check=False)


@pytest.mark.parametrize("pruner", ["taylor", "gfbs"])
def test_norms_are_named_where_they_are_missing(pruner: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
    options: dict[str, Any] = {"of": "scale"} if pruner == "taylor" else {}
    with pytest.raises(PipelineError, match=rf"^no batch norm follows 0: {pruner} cannot score it"):
        prune(model, pruner, 0.5, example_input=EXAMPLE, images=IMAGES, labels=LABELS, **options)


@pytest.mark.parametrize("pruner", ["taylor", "gfbs", "torch_pruning"])
def test_frozen_parameters_stay_frozen(pruner: str) -> None:
    model = Small().requires_grad_(False)
    call: Callable[..., Any] = scores
    call(model, pruner, example_input=EXAMPLE, images=IMAGES, labels=LABELS)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())
