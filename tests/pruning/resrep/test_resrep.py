"""ResRep as a whole: what it removes, what it says, and going on after an interruption."""

import copy
import json
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from recipes import RESREP
from torch import nn

from pipeline.cache.specs import Recipe
from pipeline.cutting.coupling import find_groups
from pipeline.datasets import Dataset
from pipeline.engine import Run
from pipeline.engine.optimiser import ParameterGroup
from pipeline.engine.training import fit
from pipeline.errors import Interrupted, PipelineError
from pipeline.models import build, describe, rebuild
from pipeline.pruning.resrep import prune_in_training
from pipeline.pruning.resrep.compactors import insert
from pipeline.pruning.resrep.extension import ResRep

EXAMPLE = torch.zeros(1, 3, 8, 8)
RECIPE = Recipe(
    epochs=6, batch_size=10, lr=0.01, weight_decay=1e-4, schedule="cosine_iteration",
    decay_normalisation=False, bias_lr=2.0,
)  # fmt: skip


@pytest.fixture
def data(make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset(train=100)


@pytest.fixture
def model(data: Dataset) -> nn.Module:
    torch.manual_seed(0)
    model = build("resnet18", 4, width=0.0625, image_size=8)
    fit(model, data, Recipe(epochs=3, batch_size=10, lr=0.05), seed=0)
    return model


def test_a_reaching_run_removes_the_target_without_loss(model: nn.Module, data: Dataset) -> None:
    twin = copy.deepcopy(model)
    smaller, report = prune_in_training(
        model, data, 0.5, RECIPE, example_input=EXAMPLE, schedule="reach"
    )
    # Inner layers of 4, 8, 16 and 32 channels, twice.
    assert report.details["target"] == 60
    assert report.details["masked"] == report.details["cut"] == 60
    assert report.details["reachable"]
    assert report.details["achieved_sparsity"] == 0.5
    assert report.details["largest_cut_row_norm"] < 1e-5
    assert report.details["accuracy_after_cut"] == report.details["accuracy_before_cut"] > 0.8
    assert sum(report.widths.values()) == 60
    assert report.widths.keys() == {f"layer{s}.{b}.conv1" for s in (1, 2, 3, 4) for b in (0, 1)}
    assert min(report.widths.values()) >= 1
    for name, width in report.widths.items():
        assert smaller.get_submodule(name).out_channels == width
    assert report.parameters == sum(p.numel() for p in smaller.parameters())
    assert report.parameters < report.parameters_before
    assert json.loads(json.dumps(report.to_json()))["details"]["cut"] == 60
    # A checkpoint of it can be built again, and the given network is as it was.
    assert describe(smaller).kept == report.kept
    again = rebuild(describe(smaller), smaller.state_dict()).eval()
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(again(images), smaller.eval()(images))
    state = twin.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())


def test_an_official_run_that_is_too_short_says_so(
    model: nn.Module,
    data: Dataset,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = Recipe(epochs=1, batch_size=10, lr=0.01, schedule="cosine_iteration")
    with caplog.at_level(logging.WARNING, logger="pipeline.pruning.resrep"):
        _, report = prune_in_training(model, data, 0.5, recipe, example_input=EXAMPLE)
    # Ten steps; four rows more at each.
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "resrep: the target is out of reach; schedule='reach' would mask 12 rows at a step"
    )
    told = "60 of 120 rows are to go; the schedule can mask 40, 0 of them early enough to vanish"
    assert told in capsys.readouterr().out
    assert not report.details["reachable"]
    assert report.details["masked"] == 40
    assert report.details["cut"] == 0
    assert set(report.widths.values()) == {4, 8, 16, 32}


def test_masked_rows_are_cut_on_request(model: nn.Module, data: Dataset) -> None:
    recipe = Recipe(epochs=1, batch_size=10, lr=0.01, schedule="cosine_iteration")
    _, report = prune_in_training(model, data, 0.5, recipe, example_input=EXAMPLE, cut="masked")
    assert report.details["cut"] == report.details["masked"] == 40
    assert report.details["largest_cut_row_norm"] > 0.5  # they were not gone at all


def test_operations_as_the_target(model: nn.Module, data: Dataset) -> None:
    _, report = prune_in_training(
        model, data, 0.4, RECIPE, example_input=EXAMPLE, schedule="reach", target="flops"
    )
    # Torch-Pruning also counts batch norms and ReLUs, which are a few per cent here.
    assert report.macs / report.macs_before == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("by_signal", [False, True], ids=["after an epoch", "within an epoch"])
def test_a_run_that_was_interrupted_ends_the_same(
    model: nn.Module,
    data: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by_signal: bool,
) -> None:
    def pruned(run: Run) -> dict[str, torch.Tensor]:
        smaller, _ = prune_in_training(
            model, data, 0.5, RECIPE, example_input=EXAMPLE, schedule="reach", run=run
        )
        return smaller.state_dict()

    whole = pruned(Run())
    before_step = ResRep.before_step

    def stop_in_epoch_3(self: ResRep, iteration: int) -> None:
        if iteration == 25:
            if not by_signal:  # what was written down after the second epoch is continued
                raise Interrupted
            os.kill(os.getpid(), signal.SIGTERM)
        before_step(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(ResRep, "before_step", stop_in_epoch_3)
        with pytest.raises(Interrupted):
            pruned(Run(folder=tmp_path))
    assert list(tmp_path.iterdir())
    resumed = pruned(Run(folder=tmp_path))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


@pytest.mark.parametrize(
    ("sparsity", "options", "message"),
    [
        (1.0, {}, r"sparsity must be in \[0, 1\), not 1.0"),
        (0.5, {"target": "parameters"}, "unknown target 'parameters'; known: channels, flops"),
        (0.5, {"cut": "mask"}, "unknown cut 'mask'; known: threshold, masked"),
        (0.5, {"schedule": "fast"}, "unknown schedule 'fast'; known: official, reach"),
    ],
)
def test_wrong_arguments_are_refused(
    data: Dataset, sparsity: float, options: dict[str, str], message: str
) -> None:
    model = build("resnet18", 4, width=0.0625, image_size=8)
    with pytest.raises(PipelineError, match=f"^{message}$"):
        prune_in_training(model, data, sparsity, RECIPE, example_input=EXAMPLE, **options)


def test_a_resrep_training_takes_its_recipes_rates_and_groups(
    make_dataset: Callable[..., Dataset],
    steps_taken: list[tuple[float, list[ParameterGroup]]],
) -> None:
    model = build("resnet18", 4, width=1 / 16, image_size=8)
    example = torch.zeros(1, 3, 8, 8)
    recipe = Recipe(**{**vars(RESREP), "epochs": 2, "batch_size": 16})
    prune_in_training(model, make_dataset(), 0.2, recipe, example_input=example)
    # Two full batches of 16 in 40 images; a cosine over 4 iterations: 1 + cos(0, 45, 90, 135 °).
    root = 2**0.5 / 2
    assert [lr for lr, _ in steps_taken] == pytest.approx(
        [0.01 * (1 + cosine) / 2 for cosine in (1, root, 0, -root)]
    )
    compactors = insert(model, find_groups(model, example))
    for _, groups in steps_taken:
        *_, last = groups
        assert (last.weight_decay, last.momentum, last.lr_scale) == (0.0, 0.99, 1.0)
        shapes = [tuple(parameter.shape) for parameter in last.parameters]
        assert shapes == [tuple(each.weight.shape) for each in compactors.values()]
