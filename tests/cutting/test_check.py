"""The check of a cut, on networks that are right to cut and on others that are not.

What a right cut computes is worked out without the package: in the original, hooks set to zero what
the named layers take in from the channels that are gone.
"""

from collections.abc import Mapping
from functools import partial

import pytest
import torch
from cutting import networks
from torch import Tensor, nn

from pipeline.cutting.check import check_cut, check_rows
from pipeline.cutting.coupling import Dependant, Group, find_groups
from pipeline.cutting.surgery import cut_channels
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning import prune

EXAMPLE = torch.zeros(1, 3, 8, 8)

# The layers that take in the channels of another, and in how many places each channel lies: side by
# side, or, below zero, apart from each other.
FLIPPED, NORM, BEHIND_IMAGES = 1000, 1001, 1002
RIGHT: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "Network": {"b": ("a", 1), "fc": ("b", 1)},
    "PlainBatchNorm": {"b": ("a", 1), "fc": ("b", 1)},
    "SumOverChannels": {"b": ("a", 1), "fc": ("b", 1)},
    "Depthwise": {"b": ("a", 1), "fc": ("b", 1)},
    "FlattenedHead": {"b": ("a", 1), "fc": ("b", 16)},
    "SqueezeExcite": {"down": ("a", 1), "up": ("down", 1), "b": ("a", 1), "fc": ("b", 1)},
    "Twice": {"b": ("a", 1), "fc": ("b", 1)},
    "PermuteThenFlatten": {"b": ("a", 1), "fc": ("b", -16)},
    "Flip": {"b": ("a", FLIPPED), "fc": ("b", 1)},
    "Concatenated": {"b": ("a", BEHIND_IMAGES), "fc": ("b", 1)},
    "BroadcastSum": {"b": ("a", 1), "fc": ("b", 1)},
    "Transposed": {"up": ("a", 1), "fc": ("b", 1)},
    "Multiplier": {"b": ("a", 2), "fc": ("b", 1)},
    "GroupedConv": {"b": ("a", 1), "fc": ("b", 1)},
    "UnequalGroups": {"wide": ("a", 1), "b": ("wide", 1), "fc": ("b", 1)},
    "PerChannel": {"b": ("a", 1), "fc": ("b", 1)},
    "Instance": {"b": ("a", 1), "fc": ("b", 1)},
    "RunningInstance": {"b": ("a", 1), "fc": ("b", 1)},
    "SharedPReLU": {"b": ("a", 1), "fc": ("b", 1)},
    "PReLUPerChannel": {"b": ("a", 1), "fc": ("b", 1)},
    "NormedFeatures": {"b": ("a", 1), "fc": ("b", 16)},
    "Gate": {"gate": ("a", 1), "b": ("a", 1), "fc": ("b", 1)},
    "Halves": {"b": ("a", 1), "fc": ("b", 1)},
    # A norm over channels is taken over those that stay.
    "PlainGroupNorm": {"norm": ("a", NORM), "b": ("a", 1), "fc": ("b", 1)},
    "Normed": {"norm": ("a", NORM), "b": ("a", 1), "fc": ("b", 1)},
    "LastNorm": {"norm": ("a", NORM), "b": ("a", 1), "fc": ("b", 1)},
    "FirstNorm": {"norm": ("a", NORM), "b": ("a", 1), "fc": ("b", 1)},
}
# Networks with a test of their own.
ELSEWHERE = {"Pointwise", "PaddedShortcut", "TupleOutput"}
REFUSED = {
    "Shuffle": "b: takes in the channels of a in another order",
    "ModuleShuffle": "b: takes in the channels of a in another order",
    "OneChannelGroups": "norm: has one channel in each of its 8 parts, so that none of a can be",
    "FixedHalves": "a: the smaller network does not run: ",
    "Roll": "b: takes in the channels of a in another order",
    "RollByHalf": "b: takes in the channels of a in another order",
    "SoftmaxOverChannels": "a: the smaller network computes something else",
    "MeanOverChannels": "a: the smaller network computes something else",
    "Standardised": "a: the smaller network computes something else",
    "TwoNames": "b and again are one layer",
    "TiedWeights": "b.weight and c.weight are tied",
    "TrainingBranch": "b: the smaller network does not run: ",
    "TrainingSum": "a: the smaller network does not run: ",
    "PixelShuffle": "b: the channels of a cannot be followed there",
    "FirstHalf": "a: the smaller network does not run: ",
    "PerChannelBuffer": "a: the smaller network does not run: ",
    "SpectralNorm": "b: its weights are computed from others",
    "WeightNorm": "b: its weights are computed from others",
    "OldWeightNorm": "b: its weights are computed from others",
    "FixedView": "b: the smaller network does not run: ",
}


def test_every_network_is_judged() -> None:
    names = {name for name, each in vars(networks).items() if isinstance(each, type)}
    assert names - {"Tensor", "StandardisedConv", "LayerNorm2d"} == {*RIGHT, *REFUSED, *ELSEWHERE}


def trained(model: nn.Module, steps: int = 5) -> nn.Module:
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    images, labels = torch.randn(32, 3, 8, 8), torch.arange(32) % 5
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model.train()(images), labels).backward()
        optimiser.step()
    return model.eval()


def masked_outputs(
    model: nn.Module,
    takes: Mapping[str, tuple[str, int]],
    kept: Mapping[str, tuple[int, ...]],
    images: Tensor,
) -> Tensor:
    for consumer, (source, places) in takes.items():
        mask = torch.zeros(model.get_submodule(source).out_channels)  # type: ignore[arg-type]
        mask[list(kept[source])] = 1
        if places == NORM:
            norm = model.get_submodule(consumer)
            norm.register_forward_hook(partial(norm_of_the_rest, kept=list(kept[source])))
            continue
        if places == FLIPPED:
            mask, places = mask.flip(0), 1
        if places == BEHIND_IMAGES:
            mask, places = torch.cat([torch.ones(3), mask]), 1

        def zero(
            _: nn.Module, inputs: tuple[Tensor], mask: Tensor = mask, n: int = places
        ) -> Tensor:
            (x,) = inputs
            mask = mask.repeat_interleave(n) if n > 0 else mask.repeat(-n)
            return x * (mask if x.ndim == 2 else mask[:, None, None])

        model.get_submodule(consumer).register_forward_pre_hook(zero)
    if isinstance(model, networks.SumOverChannels):
        model.an.register_forward_hook(
            lambda _, inputs, output: output * kept_mask(8, kept["a"])[:, None, None]
        )
    return model(images)  # type: ignore[no-any-return]


def norm_of_the_rest(
    layer: nn.Module, inputs: tuple[Tensor], output: Tensor, *, kept: list[int]
) -> Tensor:
    """Channel by channel, the norm over the channels that stay, of all or of its group."""
    (x,) = inputs
    last = type(layer) is nn.LayerNorm
    x, output = (x.movedim(-1, 1), output.movedim(-1, 1)) if last else (x, output)
    size = x.shape[1] // getattr(layer, "num_groups", 1)
    spatial = isinstance(layer, nn.GroupNorm)  # a layer norm's statistics are each pixel's own
    result = torch.zeros_like(output)
    for channel in kept:
        own = x[:, [each for each in kept if each // size == channel // size]]
        dims = (1, 2, 3) if spatial else (1,)
        mean = own.mean(dims, keepdim=True)
        std = (own.var(dims, unbiased=False, keepdim=True) + layer.eps).sqrt()  # type: ignore[operator]
        value = ((x[:, channel : channel + 1] - mean) / std)[:, 0]
        if layer.weight is not None:
            value = value * layer.weight[channel] + layer.bias[channel]  # type: ignore[index]
        result[:, channel] = value
    return result.movedim(1, -1) if last else result


def kept_mask(channels: int, kept: tuple[int, ...]) -> Tensor:
    return torch.tensor([float(channel in kept) for channel in range(channels)])


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("steps", [0, 5])
def test_a_right_cut_leaves_the_function(name: str, steps: int) -> None:
    torch.manual_seed(1)
    model = trained(getattr(networks, name)(), steps)
    smaller, report = prune(model, "random", 0.5, example_input=EXAMPLE, seed=3)
    asked = {n: m for n, m in model.named_modules() if n in report.widths}
    assert all(report.widths[n] == (len(m.weight) + 1) // 2 for n, m in asked.items())  # type: ignore[arg-type]
    images = torch.randn(6, 3, 8, 8)
    with torch.no_grad():
        found = smaller(images)
        expected = masked_outputs(model, RIGHT[name], report.kept, images)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_pointwise_linear_layers_are_pruned_with_what_scales_them() -> None:
    torch.manual_seed(1)
    model = trained(networks.Pointwise())
    smaller, report = prune(model, "random", 0.5, example_input=EXAMPLE, seed=3)
    assert report.widths == {"a": 4, "down": 4, "up": 6, "b": 4}
    assert report.kept["a"] == report.kept["down"]
    takes = {"b": ("a", 1), "fc": ("b", 1)}
    for layer, source in (("up", "a"), ("down", "up")):
        gone = [c for c in range(12) if c not in report.kept[source]]
        columns = model.get_parameter(f"{layer}.weight")
        columns.data[:, [c for c in gone if c < columns.shape[1]]] = 0
    images = torch.randn(6, 3, 8, 8)
    with torch.no_grad():
        expected = masked_outputs(model, takes, report.kept, images)
        torch.testing.assert_close(smaller(images), expected, rtol=1e-5, atol=1e-5)


def test_shortcuts_between_zeros_can_be_cut_and_built_again() -> None:
    torch.manual_seed(1)
    model = trained(networks.PaddedShortcut())
    smaller, report = prune(model, "random", 0.5, example_input=EXAMPLE, seed=3)
    assert report.widths == {"a": 4, "b": 6, "c": 8}
    images = torch.randn(6, 3, 8, 8)
    a, b, c = (
        kept_mask(n, report.kept[k])[:, None, None] for k, n in (("a", 8), ("b", 12), ("c", 16))
    )
    with torch.no_grad():
        first = model.first(images) * a
        second = model.second(first) + nn.functional.pad(first[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        second = second * b
        shortcut = torch.cat([second, torch.zeros(6, 4, 4, 4)], 1)
        third = (model.cn(model.c(second)).relu() + shortcut) * c
        found = smaller(images)
        torch.testing.assert_close(found, model.head(third), rtol=1e-5, atol=1e-5)
        twice, _ = prune(smaller, "random", 0.5, example_input=EXAMPLE)
        assert twice(images).shape == found.shape


def test_maps_that_are_an_output_stay() -> None:
    torch.manual_seed(1)
    _, report = prune(networks.TupleOutput().eval(), "random", 0.5, example_input=EXAMPLE)
    assert report.widths == {"a": 4}


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_cut_is_refused_in_one_line_that_names_the_layer(name: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(PipelineError) as refused:
        prune(getattr(networks, name)().eval(), "l1", 0.5, example_input=EXAMPLE)
    assert str(refused.value).startswith(REFUSED[name])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value: float) -> None:
    model = networks.Network()
    model.b.weight.data[1, 2, 0, 0] = value
    with pytest.raises(PipelineError, match=r"^b\.weight is not finite"):
        prune(model, "random", 0.5, example_input=EXAMPLE)


@pytest.mark.parametrize("arch", ["resnet18", "vgg19"])
@pytest.mark.parametrize("coupling", ["group", "independent"])
def test_the_shipped_networks_pass(arch: str, coupling: str) -> None:
    torch.manual_seed(0)
    example = torch.zeros(1, 3, 32, 32)
    model = build(arch, 5, width=0.0625, dropout=0.3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    prune(model, "random", 0.5, example_input=example, coupling=coupling)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model.training


def shifted(groups: list[Group], layer: str) -> list[Group]:
    """The groups, with one layer's inputs taken one position too late."""
    return [
        Group(
            group.convolutions,
            group.channels,
            group.norms,
            tuple(
                Dependant(d.layer, d.dim, d.source, (*d.positions[1:], d.positions[0]))
                if d.layer == layer and d.dim == 1
                else d
                for d in group.dependants
            ),
        )
        for group in groups
    ]


def test_a_shifted_position_in_a_shortcut_is_found() -> None:
    torch.manual_seed(0)
    model = build("resnet18", 5, width=0.125)
    example = torch.zeros(1, 3, 32, 32)
    groups = find_groups(model, example)
    kept = {name: (0, 2, 3, 5) for group in groups for name in group.convolutions}
    check_cut(model, groups, kept, example)
    for layer in ("layer2.0.downsample.0", "layer4.1.conv2", "fc"):
        (owner,) = [
            g.convolutions[0]
            for g in groups
            for d in g.dependants
            if (d.layer, d.dim) == (layer, 1)
        ]
        with pytest.raises(PipelineError, match=f"^{owner}.*: the smaller network computes"):
            check_cut(model, shifted(groups, layer), kept, example)


def test_a_wrong_cut_shows_in_networks_that_hide_it() -> None:
    """Scales of zero, as residual blocks begin with, leave nothing to compare."""
    model = networks.SoftmaxOverChannels()
    nn.init.zeros_(model.bn.weight)
    nn.init.zeros_(model.an.weight)
    with pytest.raises(PipelineError, match=r"^a: the smaller network computes something else"):
        prune(model, "random", 0.5, example_input=EXAMPLE)


def test_trained_rows_are_compared_exactly() -> None:
    model = networks.Network()
    groups = find_groups(model, EXAMPLE)
    kept = {"a": (0, 1, 2, 5), "b": (1, 2, 3, 4)}
    smaller = cut_channels(model, groups, kept)
    check_rows(model, smaller, groups, kept)
    with torch.no_grad():
        smaller.b.weight[0, 0, 0, 0] *= 1 + 1e-6  # type: ignore[union-attr,index,operator]
    with pytest.raises(PipelineError, match=r"^b\.weight is not made of the rows"):
        check_rows(model, smaller, groups, kept)
    with pytest.raises(PipelineError, match=r"^a\.weight is not made of the rows"):
        check_rows(model, cut_channels(model, groups, {**kept, "a": (0, 1, 2, 4)}), groups, kept)
