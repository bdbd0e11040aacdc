"""Every stage on a data set that is streamed, and a folder that moves meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.cache import paths, payloads
from pipeline.cache.specs import Data, Finetune, Infer, Prune, Recipe, Spec, Train
from pipeline.errors import PipelineError
from pipeline.running.job import Job
from pipeline.running.switches import Switches
from pipeline.stages import data, finetune, infer, prune, train

STAGES = {"data": data, "train": train, "prune": prune, "finetune": finetune, "infer": infer}
RECIPE = Recipe(1, batch_size=6, lr=0.01, schedule="step")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Spec], Path]:
    """Runs a stage and gives its payload."""

    def payload(spec: Spec) -> Path:
        return tmp_path / paths.folder(spec) / spec.payload[0]

    monkeypatch.setattr(Job, "payload_path", lambda job, parent: payload(parent))

    def run(spec: Spec) -> Path:
        STAGES[spec.stage].run(spec, Job(spec, Switches(artifacts=tmp_path)))
        return payload(spec)

    return run


def chain(path: Path) -> tuple[Data, Train, Prune, Finetune, Infer]:
    pictures = Data("imagefolder", options=(("crop_size", 72),), access=(("path", str(path)),))
    trained = Train(pictures, "resnet18", RECIPE, (("width", 1 / 32),), dropout=0.2)
    pruned = Prune(trained, "hrank", 0.5, options=(("batch_size", 4), ("batches", 2)))
    final = Finetune(pruned, RECIPE)
    return pictures, trained, pruned, final, Infer(final, samples=2, precision="float16")


def test_the_folder_may_move_between_stages(
    make_folder: Callable[..., Path], run: Callable[[Spec], Path], tmp_path: Path
) -> None:
    root = make_folder()
    for spec in chain(root)[:2]:
        run(spec)
    model = payloads.load_model(run(chain(root)[1]))
    assert model.conv1.kernel_size == (7, 7)  # type: ignore[union-attr]
    moved = root.rename(tmp_path / "elsewhere")
    with pytest.raises(PipelineError, match=f"^{root} is missing, where the images of"):
        run(chain(root)[2])
    for spec, old in zip(chain(moved), chain(root), strict=True):
        assert spec.fingerprint == old.fingerprint
    for spec in chain(moved)[2:]:
        written = run(spec)
    found = payloads.load_predictions(written)
    assert found.logits.shape == (2, 6, 2)
    assert found.logits.dtype == np.float16
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.ids.tolist() == list(range(12, 18))


def test_resrep_prunes_while_it_trains_on_a_stream(
    make_folder: Callable[..., Path], run: Callable[[Spec], Path]
) -> None:
    root = make_folder()
    pictures, trained, *_ = chain(root)
    for spec in (pictures, trained):
        run(spec)
    resrep = Prune(trained, "resrep", 0.5, recipe=replace(RECIPE, schedule="cosine_iteration"))
    smaller = payloads.load_model(run(resrep))
    assert torch.isfinite(smaller(torch.zeros(1, 3, 72, 72))).all()
