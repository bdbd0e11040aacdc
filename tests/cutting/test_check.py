"""The check of a cut, on networks that are right to cut and on others that are not.

What a right cut computes is worked out without the package: in the original, hooks set to zero what
the named layers take in from the channels that are gone.
"""

from collections.abc import Mapping

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

# The layers that take in the channels of another, and in how many places each channel lies.
RIGHT: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "Network": {"b": ("a", 1), "fc": ("b", 1)},
    "PlainBatchNorm": {"b": ("a", 1), "fc": ("b", 1)},
    "SumOverChannels": {"b": ("a", 1), "fc": ("b", 1)},
    "Depthwise": {"b": ("a", 1), "fc": ("b", 1)},
    "FlattenedHead": {"b": ("a", 1), "fc": ("b", 16)},
    "SqueezeExcite": {"down": ("a", 1), "up": ("down", 1), "b": ("a", 1), "fc": ("b", 1)},
    "Twice": {"b": ("a", 1), "fc": ("b", 1)},
}
REFUSED = {
    "PermuteThenFlatten": "b: the smaller network computes something else in evaluation mode",
    "Shuffle": "a: the smaller network computes something else",
    "ModuleShuffle": "a: the smaller network computes something else",
    "Flip": "a: the smaller network computes something else",
    "Roll": "a: the smaller network computes something else",
    "SoftmaxOverChannels": "a: the smaller network computes something else",
    "MeanOverChannels": "a: the smaller network computes something else",
    "PlainGroupNorm": "a: the smaller network computes something else",
    "Standardised": "a: the smaller network computes something else",
    "Concatenated": "a: the smaller network computes something else",
    "BroadcastSum": "one: which of its channels are those of a cannot be traced",
    "TwoNames": "b and again are one layer",
    "TiedWeights": "b.weight and c.weight are tied",
    "TrainingBranch": "b: the smaller network does not run: ",
    "TrainingSum": "a: the smaller network does not run: ",
    "TupleOutput": "b: the smaller network's outputs have other shapes",
    "Transposed": "up: layers of the type ConvTranspose2d cannot be cut",
    "Multiplier": "deep: cannot prune a convolution with groups",
    "GroupedConv": "b: cannot prune a convolution with groups",
    "PixelShuffle": "b: which of its channels are those of a cannot be traced",
    "FirstHalf": "a: the smaller network does not run: ",
    "PerChannel": "scale: a parameter outside a layer cannot be cut with the channels of a",
    "PerChannelBuffer": "a: the smaller network does not run: ",
    "SpectralNorm": "b: its weights are computed from others",
    "WeightNorm": "b: its weights are computed from others",
    "OldWeightNorm": "b: its weights are computed from others",
    "FixedView": "b: the smaller network does not run: ",
    "Instance": "an: layers of the type InstanceNorm2d cannot be cut",
}


def test_every_network_is_judged() -> None:
    names = {name for name, each in vars(networks).items() if isinstance(each, type)}
    assert names - {"Network", "Tensor", "StandardisedConv"} == {*RIGHT, *REFUSED} - {"Network"}


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

        def zero(
            _: nn.Module, inputs: tuple[Tensor], mask: Tensor = mask, n: int = places
        ) -> Tensor:
            (x,) = inputs
            mask = mask.repeat_interleave(n)
            return x * (mask if x.ndim == 2 else mask[:, None, None])

        model.get_submodule(consumer).register_forward_pre_hook(zero)
    if isinstance(model, networks.SumOverChannels):
        model.an.register_forward_hook(
            lambda _, inputs, output: output * kept_mask(8, kept["a"])[:, None, None]
        )
    return model(images)  # type: ignore[no-any-return]


def kept_mask(channels: int, kept: tuple[int, ...]) -> Tensor:
    return torch.tensor([float(channel in kept) for channel in range(channels)])


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("steps", [0, 5])
def test_a_right_cut_leaves_the_function(name: str, steps: int) -> None:
    torch.manual_seed(1)
    model = trained(getattr(networks, name)(), steps)
    smaller, report = prune(model, "random", 0.5, example_input=EXAMPLE, seed=3)
    assert set(report.widths.values()) <= {4, 2}
    images = torch.randn(6, 3, 8, 8)
    with torch.no_grad():
        found = smaller(images)
        expected = masked_outputs(model, RIGHT[name], report.kept, images)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


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
    model = networks.Flip()
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
