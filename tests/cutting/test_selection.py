import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.options import CutOptions
from pipeline.cutting.selection import filter_norms, select
from pipeline.cutting.shares import pruned_channels
from pipeline.errors import PipelineError

GLOBAL = CutOptions(scope="global")


def model_of(*norms: list[float]) -> nn.ModuleDict:
    """1×1 convolutions on one channel, so that a filter's norm is its weight."""
    layers = {}
    for name, values in zip("abc", norms, strict=False):
        layers[name] = nn.Conv2d(1, len(values), 1)
        layers[name].weight.data.copy_(torch.tensor(values)[:, None, None, None])
    return nn.ModuleDict(layers)


def group_of(model: nn.ModuleDict) -> Group:
    return Group(tuple(model), model["a"].out_channels, {}, ())


@pytest.mark.parametrize(
    ("channels", "sparsity", "number"),
    [(64, 0.2, 12), (64, 0.6, 38), (10, 0.3, 3), (5, 0.6, 3), (1, 0.99, 0), (7, 0.0, 0)],
)
def test_sparsity_is_rounded_down(channels: int, sparsity: float, number: int) -> None:
    # 10 · 0.3 and 5 · 0.6 are whole numbers that floating point may miss.
    assert pruned_channels(channels, sparsity) == number


@given(st.integers(1, 2048), st.floats(0, 0.999))
def test_at_least_one_channel_stays(channels: int, sparsity: float) -> None:
    assert 0 <= pruned_channels(channels, sparsity) < channels


def test_the_highest_scores_stay() -> None:
    model = model_of([1.0] * 5)
    scores = {"a": torch.tensor([0.3, 0.9, 0.1, 0.5, 0.2])}
    assert select(model, [group_of(model)], scores, 0.4) == {"a": (0, 1, 3)}


def test_ties_go_by_norm_then_by_index() -> None:
    model = model_of([3.0, 1.0, -2.0, 1.0])
    group = [group_of(model)]
    equal = {"a": torch.ones(4)}
    assert select(model, group, equal, 0.25) == {"a": (0, 2, 3)}
    assert select(model, group, equal, 0.5) == {"a": (0, 2)}
    assert select(model, group, equal, 0.75) == {"a": (0,)}
    assert select(model, group, {"a": torch.tensor([0.0, 1.0, 1.0, 1.0])}, 0.5) == {"a": (2, 3)}


def test_a_group_averages_scores_on_a_common_scale() -> None:
    model = model_of([1.0] * 3, [1.0] * 3)
    # Divided by their means 20 and 2: [.5, 1, 1.5] and [2, .5, .5]; on average [1.25, .75, 1].
    scores = {"a": torch.tensor([10.0, 20.0, 30.0]), "b": torch.tensor([4.0, 1.0, 1.0])}
    assert select(model, [group_of(model)], scores, 0.34) == {"a": (0, 2), "b": (0, 2)}
    assert select(model, [group_of(model)], scores, 0.67) == {"a": (0,), "b": (0,)}


def test_scores_of_zero_do_not_matter() -> None:
    model = model_of([1.0] * 3, [1.0] * 3)
    scores = {"a": torch.zeros(3), "b": torch.tensor([1.0, 3.0, 2.0])}
    assert select(model, [group_of(model)], scores, 0.67)["a"] == (1,)


def test_scores_must_be_there_and_finite() -> None:
    model = model_of([1.0] * 3)
    group = [group_of(model)]
    with pytest.raises(PipelineError, match=r"^a needs 3 scores$"):
        select(model, group, {}, 0.5)
    with pytest.raises(PipelineError, match=r"^a needs 3 scores$"):
        select(model, group, {"a": torch.ones(2)}, 0.5)
    with pytest.raises(PipelineError, match=r"^the scores of a are not all finite$"):
        select(model, group, {"a": torch.tensor([1.0, float("nan"), 2.0])}, 0.5)


def test_filter_norms_are_l1() -> None:
    model = nn.ModuleDict({"a": nn.Conv2d(2, 2, 2)})
    model["a"].weight.data.copy_(
        torch.tensor([[[[1.0, -2], [0, 3]]] * 2, [[[0.0, 0], [0, -1]]] * 2])
    )
    assert filter_norms(model, "a").tolist() == [12.0, 2.0]


def test_one_threshold_for_the_whole_network() -> None:
    model = model_of([1.0] * 4, [1.0] * 4, [1.0] * 2)
    groups = [Group((name,), layer.out_channels, {}, ()) for name, layer in model.items()]  # type: ignore[arg-type]
    scores = {
        "a": torch.tensor([0.1, 0.2, 0.3, 0.9]),
        "b": torch.tensor([0.8, 0.7, 0.6, 0.4]),
        "c": torch.tensor([0.01, 0.02]),
    }
    # The five lowest of ten, had "c" not to keep its last channel: c0, a0, a1, a2, b3.
    assert select(model, groups, scores, 0.5, GLOBAL) == {"a": (3,), "b": (0, 1, 2), "c": (1,)}
    assert select(model, groups, scores, 0.5) == {"a": (2, 3), "b": (0, 1), "c": (1,)}
    with pytest.raises(PipelineError, match="unknown scope 'all'; known: layer, global"):
        CutOptions(scope="all")  # type: ignore[arg-type]


def test_the_whole_networks_sparsity_is_met_however_uneven() -> None:
    model = model_of([1.0] * 9, [1.0])
    groups = [Group((name,), layer.out_channels, {}, ()) for name, layer in model.items()]  # type: ignore[arg-type]
    scores = {"a": torch.arange(9.0), "b": torch.tensor([-1.0])}
    kept = select(model, groups, scores, 0.8, GLOBAL)
    assert kept == {"a": (8,), "b": (0,)}
