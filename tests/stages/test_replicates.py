"""What replicates of a network share: nothing that is random."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.cache import manifests, payloads
from pipeline.cache.files import sha256
from pipeline.cache.specs import Data, Finetune, Infer, Prune, Recipe, Spec, Train
from pipeline.datasets import Dataset
from pipeline.running.job import Job
from pipeline.running.switches import Switches
from pipeline.stages import finetune, infer, prune, train

DATA = Data("digits")
TRAIN = Train(DATA, "resnet18", Recipe(1, batch_size=20), (("width", 1 / 16),), dropout=0.2)
STAGES = {"train": train.run, "prune": prune.run, "finetune": finetune.run, "infer": infer.run}


@pytest.fixture
def make(tmp_path: Path, make_dataset: Callable[..., Dataset]) -> Callable[[Spec], Path]:
    """A function that makes an artifact and gives its payload."""

    def finish(spec: Spec, job: Job) -> Path:
        files = {name: sha256(job.path(name)) for name in spec.payload}
        manifests.Manifest(spec.fingerprint, spec.to_json(), files, {}).write(job.folder)
        return job.path(spec.payload[0])

    def run(spec: Spec) -> Path:
        job = Job(spec, Switches(artifacts=tmp_path))
        job.folder.mkdir(parents=True)
        if isinstance(spec, Data):
            payloads.save_dataset(job.path(spec.payload[0]), make_dataset())
        else:
            STAGES[spec.stage](spec, job)
        return finish(spec, job)

    return run


def test_every_stage_of_a_replicate_draws_anew(make: Callable[[Spec], Path]) -> None:
    make(DATA)
    kept, weights, logits = [], [], []
    for replicate in (0, 1):
        trained = replace(TRAIN, replicate=replicate)
        pruned = Prune(trained, "random", 0.5)
        tuned = Finetune(pruned, Recipe(1, batch_size=20))
        predicted = Infer(tuned, samples=2)
        paths = {spec: make(spec) for spec in (trained, pruned, tuned, predicted)}
        states = [payloads.load_model(paths[spec]).state_dict() for spec in (trained, tuned)]
        weights.append([next(iter(state.values())) for state in states])
        kept.append((paths[pruned].parent / "report.json").read_text())
        logits.append(payloads.load_predictions(paths[predicted]).logits)
    assert kept[0] != kept[1]
    assert all(not torch.equal(*pair) for pair in zip(*weights, strict=True))
    assert (logits[0] != logits[1]).any()


@pytest.mark.parametrize("stage", ["prune", "finetune", "infer"])
def test_the_same_network_goes_another_way_in_another_replicate(
    make: Callable[[Spec], Path], monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Each stage's own part of chance, of one and the same network before it."""
    make(DATA)
    origin = make(TRAIN)
    cut = make(Prune(TRAIN, "l1", 0.5))
    found = []
    for replicate in (0, 1):
        model = replace(TRAIN, replicate=replicate)
        spec: Spec = {
            "prune": Prune(model, "random", 0.5),
            "finetune": Finetune(Prune(model, "l1", 0.5), Recipe(1, batch_size=20)),
            "infer": Infer(model, samples=2),
        }[stage]

        def given(job: Job, parent: Spec) -> Path:
            if isinstance(parent, Data):
                return next(job.switches.artifacts.glob("digits/data~*/images.safetensors"))
            return origin if isinstance(parent, Train) else cut

        if replicate:
            monkeypatch.setattr(Job, "payload_path", given)
        path = make(spec)
        found.append(
            path.read_bytes() if stage != "prune" else path.with_name("report.json").read_bytes()
        )
    assert found[0] != found[1]
