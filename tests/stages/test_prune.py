"""What a pruner is shown: normalised training images, in an order that the seed decides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.cache import payloads
from pipeline.cache.specs import Data, Prune, Recipe, Train
from pipeline.datasets import Dataset
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning import hrank
from pipeline.registry import PRUNERS
from pipeline.running.job import Job
from pipeline.running.switches import Switches
from pipeline.stages import prune

TRAINED = Train(Data("digits"), "resnet18", Recipe(epochs=0), (("width", 1 / 16),))


@pytest.fixture
def job(
    tmp_path: Path, make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Prune], Job]:
    """A job of a spec, whose parents are 50 made-up training images and a network."""
    paths = {Data: tmp_path / "images.safetensors", Train: tmp_path / "model.safetensors"}
    payloads.save_dataset(paths[Data], make_dataset(train=50))
    torch.manual_seed(0)
    payloads.save_model(paths[Train], build("resnet18", 4, width=1 / 16, image_size=8))
    monkeypatch.setattr(Job, "payload_path", lambda job, parent: paths[type(parent)])
    return lambda spec: Job(spec, Switches(artifacts=tmp_path))


@pytest.fixture
def shown(job: Callable[[Prune], Job], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tensor]:
    """Run the stage with hrank, and give the images that the network was run on."""
    run = hrank.Ranks.run

    def shown(seed: int = 0, **options: int) -> Tensor:
        batches: list[Tensor] = []

        def spied(self: hrank.Ranks, batch: Tensor) -> Any:
            assert not self.module.training
            batches.append(batch)
            return run(self, batch)

        monkeypatch.setattr(hrank.Ranks, "run", spied)
        spec = Prune(TRAINED, "hrank", 0.5, tuple(sorted(options.items())), seed=seed)
        prune.run(spec, job(spec))
        return torch.cat(batches)

    return shown


def test_they_are_normalised_training_images_without_augmentation(
    shown: Callable[..., Tensor], make_dataset: Callable[..., Dataset]
) -> None:
    data = make_dataset(train=50)
    whole = data.normalise(data.train.images).flatten(1)
    seen = shown().flatten(1)
    # Of 50 images all are shown, since hrank asks for 640.
    assert len(seen) == 50
    order = torch.cdist(seen, whole).argmin(dim=1)
    assert torch.equal(seen, whole[order])
    assert sorted(order.tolist()) == list(range(50))


def test_the_first_ones_of_a_permutation_that_the_seed_decides(
    shown: Callable[..., Tensor],
) -> None:
    whole, part = shown(), shown(batches=3, batch_size=4)
    assert torch.equal(part, whole[:12])
    assert torch.equal(shown(), whole)
    assert not torch.equal(shown(seed=1), whole)


def test_by_default_hrank_looks_at_5_batches_of_128() -> None:
    options = PRUNERS.options("hrank")
    assert (options["batches"].default, options["batch_size"].default) == (5, 128)


def test_a_recipe_that_cannot_work_is_refused_by_its_key(job: Callable[[Prune], Job]) -> None:
    spec = Prune(TRAINED, "resrep", 0.5, recipe=Recipe(1, batch_size=64, drop_last=True))
    with pytest.raises(PipelineError, match=r"^prune: batch_size 64 .* of 50 training images"):
        prune.run(spec, job(spec))
