"""How networks are run: the settings, and that they do not change what is computed."""

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn

from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset
from pipeline.engine import Engine, Run, computes_in_bfloat16
from pipeline.engine.training import Epoch, fit
from pipeline.errors import PipelineError
from pipeline.models import build

MakeDataset = Callable[..., Dataset]
CPU = torch.device("cpu")
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def network(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return build("resnet18", 4, width=1 / 8, dropout=dropout, image_size=8)


def trained(
    data: Dataset,
    engine: Engine,
    *,
    dropout: float = 0.0,
    device: str = "cpu",
    precision: str = "float32",
) -> tuple[list[Epoch], dict[str, torch.Tensor]]:
    """What a training says of itself, and its weights. Its last batch is a short one."""
    model = network(dropout)
    recipe = Recipe(2, batch_size=12, lr=0.01, precision=precision)
    history = fit(model, data, recipe, seed=3, run=Run(device, engine))
    return history, {name: tensor.cpu() for name, tensor in model.state_dict().items()}


def assert_alike(
    one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], tolerance: float
) -> None:
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "engine", [Engine(), Engine(compile=True), Engine(cuda_graphs=False, channels_last=False)]
)
def test_an_engine_is_what_its_text_says(engine: Engine) -> None:
    assert Engine.parse(str(engine)) == engine


@pytest.mark.parametrize(("inputs", "stride", "last"), [(3, 2, False), (3, 1, True), (8, 2, True)])
def test_layers_that_break_channels_last_come_with_channels_first(
    inputs: int, stride: int, last: bool
) -> None:
    """The gradient of such weights, channels last, ends the process (torch 2.15)."""
    model = nn.Sequential(nn.Conv2d(inputs, 8, 1, stride=stride), nn.Conv2d(8, 8, 3))
    layout = Engine().place(model, CPU)
    assert layout == (torch.channels_last if last else torch.contiguous_format)
    for _ in range(20):
        model(torch.randn(16, inputs, 16, 16).to(memory_format=layout)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("widths", "last"), [((8, 16), True), ((13, 26), True), ((6, 13), True), ((5, 10), False)]
)
def test_layers_with_few_channels_keep_channels_first(widths: tuple[int, int], last: bool) -> None:
    model = nn.Sequential(nn.Conv2d(3, widths[0], 3), nn.Conv2d(*widths, 3))
    layout = Engine().place(model, CPU)
    assert layout == (torch.channels_last if last else torch.contiguous_format)


def test_the_text_names_what_differs() -> None:
    assert str(Engine()) == ""
    assert str(Engine(compile=True, fused=False)) == "fused=false,compile=true"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graphs=true", "unknown setting 'graphs'; known: channels_last, fused, cuda_graphs, comp"),
        ("compile=yes", "compile: 'yes' is not true or false"),
        ("compile", "compile: '' is not true or false"),
    ],
)
def test_what_is_not_an_engine(text: str, message: str) -> None:
    with pytest.raises(PipelineError, match=f"engine: {message}"):
        Engine.parse(text)


def test_precision_on_a_cpu() -> None:
    assert not computes_in_bfloat16("auto", CPU)
    assert not computes_in_bfloat16("float32", CPU)
    assert computes_in_bfloat16("bfloat16", CPU)


def test_the_memory_format_changes_rounding_only(make_dataset: MakeDataset) -> None:
    data = make_dataset(train=44)
    _, one = trained(data, Engine())
    _, other = trained(data, Engine(channels_last=False))
    assert_alike(one, other, 1e-2)


def test_bfloat16_trains_float32_weights(make_dataset: MakeDataset) -> None:
    data = make_dataset(train=160)
    exact, one = trained(data, Engine())
    rounded, other = trained(data, Engine(), precision="bfloat16")
    assert {tensor.dtype for tensor in other.values()} == {torch.float32, torch.int64}
    assert not torch.equal(one["fc.weight"], other["fc.weight"])
    assert rounded[-1].loss == pytest.approx(exact[-1].loss, abs=0.3)
    assert rounded[-1].loss < rounded[0].loss


@pytest.mark.slow
def test_the_compiler_changes_rounding_only(make_dataset: MakeDataset) -> None:
    data = make_dataset(train=44)
    _, one = trained(data, Engine())
    _, other = trained(data, Engine(compile=True))
    assert_alike(one, other, 5e-2)


@on_a_gpu
def test_a_recorded_training_is_the_same(make_dataset: MakeDataset) -> None:
    """Replaying, dropout and short batches included, gives what launching each kernel gives."""
    data = make_dataset(train=400)
    plain, one = trained(data, Engine(cuda_graphs=False), dropout=0.2, device="cuda")
    recorded, other = trained(data, Engine(), dropout=0.2, device="cuda")
    for epoch, twin in zip(plain, recorded, strict=True):
        assert twin.loss == pytest.approx(epoch.loss, rel=2e-2)
    assert_alike(one, other, 2e-2)


@on_a_gpu
def test_a_recorded_training_uses_each_learning_rate(make_dataset: MakeDataset) -> None:
    data = make_dataset(train=400)
    recipe = Recipe(3, batch_size=40, lr=0.05, schedule="cosine_iteration", precision="float32")
    states = []
    for engine in (Engine(), Engine(cuda_graphs=False, fused=False)):
        model = network()
        fit(model, data, recipe, seed=3, run=Run("cuda", engine))
        states.append({name: tensor.cpu() for name, tensor in model.state_dict().items()})
    assert_alike(*states, 2e-2)


@on_a_gpu
def test_an_epoch_on_a_gpu_waits_as_often_however_long_it_is(make_dataset: MakeDataset) -> None:
    data = make_dataset(train=400)

    def waits(batch_size: int) -> int:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            recipe = Recipe(2, batch_size=batch_size, lr=0.01)
            fit(network(0.2), data, recipe, seed=0, device="cuda")
        return len([each for each in caught if "synchroniz" in str(each.message)])

    waits(40)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        assert waits(8) == waits(40)
    finally:
        torch.cuda.set_sync_debug_mode("default")
