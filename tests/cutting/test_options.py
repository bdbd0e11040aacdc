"""Options of all criteria: what a sparsity is a share of, and which layers lose how much."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.cutting.options import CutOptions
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning import PruneReport, prune
from pipeline.registry import PRUNERS

EXAMPLE = torch.zeros(1, 3, 8, 8)


class Chain(nn.Module):
    """Three convolutions of 20, 30 and 40 channels, without biases, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a = nn.Conv2d(3, 20, 3, padding=1, bias=False)
        self.b = nn.Conv2d(20, 30, 3, padding=1, bias=False)
        self.c = nn.Conv2d(30, 40, 3, padding=1, stride=2, bias=False)
        self.fc = nn.Linear(40, 5, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.c(self.b(self.a(x).relu()).relu()).relu()
        return self.fc(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]


def report(pruner: str = "l1", sparsity: float = 0.5, **options: Any) -> PruneReport:
    images = {"example_input": EXAMPLE, "check": False}
    return prune(Chain(), pruner, sparsity, **images, **options)[1]  # type: ignore[arg-type]


def costs(a: int, b: int, c: int) -> tuple[int, int]:
    """Operations and parameters of a chain of these widths, by arithmetic."""
    parameters = 27 * a + 9 * a * b + 9 * b * c + 5 * c
    return 64 * 27 * a + 64 * 9 * a * b + 16 * 9 * b * c + 5 * c, parameters


def test_the_arithmetic() -> None:
    found = report(sparsity=0.0)
    assert (found.macs_before, found.parameters_before) == costs(20, 30, 40)


@pytest.mark.parametrize("target", ["macs", "parameters"])
@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_as_few_channels_go_as_reach_the_target(target: str, sparsity: float, scope: str) -> None:
    found = report(sparsity=sparsity, target=target, scope=scope)
    place = 0 if target == "macs" else 1
    whole = costs(20, 30, 40)[place]
    widths = [found.widths[name] for name in "abc"]
    left = costs(*widths)
    assert (found.macs, found.parameters) == left
    budget = (1 - sparsity) * whole + 1e-6
    assert left[place] <= budget
    if scope == "layer":
        # All ratios at which some layer loses a channel more, tried one after another.
        ratios = sorted({k / n for n in (20, 30, 40) for k in range(n)})
        for ratio in ratios:
            tried = [n - int(n * ratio + 1e-9) for n in (20, 30, 40)]
            if costs(*tried)[place] <= budget:
                break
        assert widths == tried
    else:
        # One channel more, of some layer, would not do.
        fewer = [costs(*(w + (i == j) for j, w in enumerate(widths)))[place] for i in range(3)]
        assert max(fewer) > budget


def test_every_criterion_leaves_networks_of_equal_cost() -> None:
    found = {
        pruner: report(pruner, 0.6, target="macs") for pruner in ("random", "l1", "fpgm", "scratch")
    }
    assert len({each.macs for each in found.values()}) == 1
    assert len({each.kept["c"] for each in found.values()}) > 1


def test_widths_are_rounded_up() -> None:
    assert report(round_to=8).widths == {"a": 16, "b": 16, "c": 24}
    # A layer of 20 has no multiple of 32 below, and stays whole.
    assert report(round_to=32).widths == {"a": 20, "b": 30, "c": 32}
    found = report("l1", 0.5, round_to=4, target="macs", scope="global")
    assert all(
        width % 4 == 0 or width == n
        for width, n in zip(found.widths.values(), (20, 30, 40), strict=True)
    )
    assert found.macs <= 0.5 * found.macs_before


def test_layers_that_lose_nothing_or_a_share_of_their_own() -> None:
    assert report(ignored=["a"]).widths == {"a": 20, "b": 15, "c": 20}
    assert report(ignored=["[ab]"]).widths == {"a": 20, "b": 30, "c": 20}
    assert report(layers={"b": 0.2}).widths == {"a": 10, "b": 24, "c": 20}
    assert report(layers=(("b", 0.2), ("c", 0.0)), round_to=5).widths == {"a": 10, "b": 25, "c": 40}
    found = report(layers={"b": 0.2}, ignored=["c"], target="macs", sparsity=0.3)
    assert (found.widths["b"], found.widths["c"]) == (24, 40)
    assert found.macs <= 0.7 * found.macs_before
    found = report(scope="global", ignored=["b"])
    # Half of the 60 channels that may go.
    assert found.widths["b"] == 30
    assert found.widths["a"] + found.widths["c"] == 30


def test_no_layer_loses_more_than_the_cap() -> None:
    with pytest.raises(PipelineError, match=r"^a sparsity of 0.5 is above max_sparsity 0.3; lower"):
        report(max_sparsity=0.3)
    model = Chain()
    model.b.weight.data[:24] *= 0.01
    given: dict[str, Any] = {"example_input": EXAMPLE, "check": False, "scope": "global"}
    for target, sparsity in (("channels", 0.4), ("macs", 0.6)):
        _, free = prune(model, "l1", sparsity, target=target, **given)
        assert free.widths["b"] < 15
        _, held = prune(model, "l1", sparsity, target=target, max_sparsity=0.5, **given)
        assert held.widths["b"] == 15
    with pytest.raises(PipelineError, match=r"^target: macs: at most 6\d\.\d% can be removed"):
        report(sparsity=0.8, target="macs", max_sparsity=0.45)


def test_coupled_convolutions_share_a_share() -> None:
    model = build("resnet18", 5, width=0.125)
    given: dict[str, Any] = {"example_input": torch.zeros(1, 3, 32, 32), "check": False}
    _, found = prune(model, "l1", 0.5, ignored=["layer1.0.conv2"], **given)
    whole = {
        name
        for name, width in found.widths.items()
        if width == model.get_submodule(name).out_channels
    }
    assert whole == {"conv1", "layer1.0.conv2", "layer1.1.conv2"}
    with pytest.raises(
        PipelineError, match=r"^conv1 is to lose 0.25 of its channels and layer1.1.c"
    ):
        prune(model, "l1", 0.5, layers={"conv1": 0.25, "layer1.1.conv2": 0.5}, **given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "flops"}, "unknown target 'flops'; known: channels, macs, parameters"),
        ({"scope": "all"}, "unknown scope 'all'; known: layer, global"),
        ({"round_to": 0}, "round_to: 0 is not at least 1"),
        ({"max_sparsity": 1.5}, r"max_sparsity: 1.5 is not in \(0, 1\]"),
        ({"layers": {"a": 1.0}}, r"layers.a: 1.0 is not in \[0, 1\)"),
        ({"layers": {"a": 0.9}, "max_sparsity": 0.5}, "layers.a: 0.9 is above max_sparsity"),
        ({"ignored": ["a", "x"]}, "ignored: no convolution is called 'x'; there are a, b, c"),
        ({"layers": {"d*": 0.1}}, r"layers: no convolution is called 'd\*'; there are a, b, c"),
        ({"coupling": "independent", "ignored": ["a"]},
         "ignored with coupling: independent leaves summands of unequal width; use coupling: .*"),
        ({"coupling": "independent", "layers": {"a": 0.1}},
         "layers with coupling: independent leaves summands of unequal width; use coupling: .*"),
    ],
)  # fmt: skip
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=f"^{message}$"):
        report(**options)


def test_the_registry_knows_them_from_the_source() -> None:
    found = PRUNERS.options("l1")
    assert {name: option.default for name, option in found.items()} == {
        name: getattr(CutOptions(), name) for name in found
    }
    assert (found["target"].choices, found["max_sparsity"].note) == (
        ("channels", "macs", "parameters"), "at most 1",
    )  # fmt: skip
    assert (found["ignored"].holds, found["layers"].holds) == ("Collection", "Mapping")
    assert "target" not in PRUNERS.own_options("l1")
    assert PRUNERS.options("resrep")["target"].choices == ("channels", "flops")
