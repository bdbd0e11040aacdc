"""What the documentation tells users to write does work."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from examples import studies_of_networks, under

from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset
from pipeline.engine.inference import predict
from pipeline.engine.training import fit
from pipeline.models import build
from pipeline.pruning import prune
from pipeline.pruning.rehearsal import faults
from pipeline.registry import DATASETS, PRUNERS, TEST_SETS, UNCERTAINTIES, Option, use_plugins
from pipeline.study import Study

STUDIES = studies_of_networks()

BLOCKS = [
    block
    for kind in ("A pruner", "An uncertainty method", "An architecture", "A data set")
    for block in under(kind)
]


def as_plugins(folder: Path, *names: str) -> None:
    """Write the examples of docs/extending.md, in their order, as files of these names."""
    for name, block in zip(names, BLOCKS, strict=True):
        (folder / f"{name}.py").write_text(block)
    use_plugins(folder / f"{name}.py" for name in names)


def test_a_test_set_turns_images(tmp_path: Path, make_dataset: Callable[..., Dataset]) -> None:
    (block,) = under("A test set")
    (tmp_path / "upside_down.py").write_text(block)
    use_plugins([tmp_path / "upside_down.py"])
    assert TEST_SETS.options("upside_down") == {"mirror": Option(False)}
    data = make_dataset()
    for mirror, axes in ((False, (2,)), (True, (2, 3))):
        found = TEST_SETS.load("upside_down").shifted(data, mirror=mirror)
        assert torch.equal(found.test.images.flip(axes), data.test.images)


def test_the_examples_are_entries_that_work(
    tmp_path: Path, make_dataset: Callable[..., Dataset], make_folder: Callable[..., Path]
) -> None:
    as_plugins(tmp_path, "largest", "disagreement", "small", "mine", "xrays")
    assert PRUNERS.options("largest")["power"] == Option(1.0)
    assert DATASETS.options("mine") == {"grey": Option(False)}
    xrays = DATASETS.load("xrays").load(make_folder(), crop_size=32)
    assert (len(xrays.train), xrays.image_size, xrays.mean) == (12, 32, (0.5, 0.5, 0.5))

    model = build("small", 4, dropout=0.2, image_size=8, width=0.5)
    data = make_dataset()
    fit(model, data, Recipe(1, batch_size=8), seed=0)
    smaller, report = prune(model, "largest", 0.5, example_input=torch.zeros(1, 3, 8, 8), power=2)
    assert list(report.widths.values()) == [8, 16]
    # A filter's largest weight decides.
    first = model.get_parameter("0.weight").detach().abs().amax(dim=(1, 2, 3))
    assert set(report.kept["0"]) == set(first.topk(8).indices.tolist())
    logits = predict(smaller, data, samples=3)
    assert not torch.equal(logits[0], logits[1])

    assert UNCERTAINTIES.constant("disagreement", "MODELS") == "ensemble"
    estimates = UNCERTAINTIES.load("disagreement").estimates(logits.numpy())
    assert list(estimates) == ["mutual_information", "entropy"]
    assert np.isfinite(estimates["mutual_information"].uncertainty).all()


@pytest.mark.parametrize("number", range(len(STUDIES)))
def test_the_studies_of_other_networks_work(
    number: int, make_dataset: Callable[..., Dataset]
) -> None:
    """What the stage `check` does, then a step of training and a cut."""
    if "timm" in str(STUDIES[number]):
        pytest.importorskip("timm")
    study = Study.load(STUDIES[number])
    dropout = study.dropout if any(u.name == "mc_dropout" for u in study.uncertainties) else 0.0
    pruners = [(pruner.name, dict(pruner.options)) for pruner in study.pruners]
    for entry in study.architectures:
        options = dict(entry.options)
        assert faults(entry.name, options, pruners, dropout=dropout, image_size=32) == []
    torch.manual_seed(0)
    data = make_dataset(train=8, test=4, size=32)
    model = build(entry.name, 4, image_size=32, **options)
    fit(model, data, Recipe(1, batch_size=8), seed=0)
    smaller, _ = prune(
        model, "l1", study.sparsities[0], example_input=torch.zeros(1, 3, 32, 32), check=False
    )
    assert torch.isfinite(predict(smaller, data)).all()
