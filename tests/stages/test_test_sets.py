"""Other test sets through every stage: in memory, in files, and from a plugin."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from pipeline.cache import files, manifests, paths, payloads
from pipeline.cache.specs import Data, Infer, Score
from pipeline.datasets import StreamedDataset
from pipeline.engine.batches import evaluation_batches
from pipeline.errors import PipelineError
from pipeline.running.comparisons import Comparisons
from pipeline.running.job import Job, _import_stage, _sign
from pipeline.running.plan import Plan
from pipeline.running.switches import Switches
from pipeline.stages import data
from pipeline.uncertainty import estimate

PLUGIN = '''
"""Images whose class shows as brightness; another start gives others."""

import torch

from pipeline.datasets import Dataset, ImageSet


def load(path, *, size: int = 8, start: int = 0):
    generator = torch.Generator().manual_seed(start)

    def part(count, first):
        labels = torch.arange(count) % 2
        noise = torch.randint(0, 160, (count, 3, size, size), generator=generator)
        images = (noise + 90 * labels[:, None, None, None]).to(torch.uint8)
        return ImageSet(images, labels, torch.arange(count) + first)

    third = (0.5, 0.5, 0.5)
    return Dataset(part(40, 0), part(30, 40), ("dark", "bright"), third, third, pad=1)
'''
CHANGED = '''
"""Test images upside down."""

from pipeline.test_sets.shared.changing import changed


def shifted(data, path=None, *, seed=0):
    return changed(data, lambda pixels, number: pixels[::-1].copy())
'''
CONTRAST = {"name": "corruption", "kind": "contrast", "severity": [1, 5]}


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Plan], Path]:
    """Runs all jobs of a plan in this process; gives the folder of artifacts."""

    def make(plan: Plan) -> Path:
        for spec in plan.nodes.values():
            job = Job(spec, Switches(artifacts=tmp_path / "artifacts"))
            job.folder.mkdir(parents=True, exist_ok=True)
            if not job.path(paths.MANIFEST).exists():
                _import_stage(job).run(spec, job)
                _sign(job)
        return tmp_path / "artifacts"

    return make


def study(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    for name, text in (("spots", PLUGIN), ("upside_down", CHANGED)):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text).lstrip())
    return {
        "study": "tiny",
        "plugins": [str(tmp_path / "spots.py"), str(tmp_path / "upside_down.py")],
        "datasets": [{"name": "spots", "validation": 0.25}],
        "architectures": [{"name": "resnet18", "width": 1 / 32}],
        "pruners": ["l1"],
        "sparsities": [0.5],
        "uncertainties": ["ensemble"],
        "ensemble_size": 2,
        "train": {"epochs": 1, "batch_size": 10, "lr": 0.01, "augment": False},
        "finetune": {"epochs": 1},
        "score": {"bootstrap": 20},
    } | changes


def test_every_stage_in_memory(tmp_path: Path, make: Callable[[Plan], Path]) -> None:
    other = {"name": "spots", "label": "others", "role": "ood", "size": 12, "start": 1}
    test_sets = [CONTRAST, {"name": "upside_down"}, other]
    plan = Plan.load(study(tmp_path, test_sets=test_sets))
    root = make(plan)
    scores = {(each.test_set, each.sparsity): each.score for each in plan.combinations}
    names = ["test", "validation", "contrast-1", "contrast-5", "upside_down", "others"]
    assert list(dict.fromkeys(name for name, _ in scores)) == names

    def content(spec: Score) -> Any:
        return files.read_json(root / paths.folder(spec) / "scores.json")

    def logits(parents: tuple[Infer, ...]) -> np.ndarray:
        read = [root / paths.folder(each) / each.payload[0] for each in parents]
        return np.concatenate([payloads.load_predictions(path).logits for path in read])

    def images(spec: Data) -> Any:
        return payloads.load_dataset(root / paths.folder(spec) / spec.payload[0], spec)

    clean = scores["test", 0.5]
    base = images(plan.study.datasets[0])
    assert (len(base.train), len(base.test)) == (30, 30)
    for name in ("contrast-1", "contrast-5", "upside_down"):
        spec = scores[name, 0.5]
        found = images(spec.predictions[0].images)
        assert torch.equal(found.test.ids, base.test.ids)
        assert torch.equal(found.test.labels, base.test.labels)
        numbers = content(spec)["definitions"]["logit_variance"]
        own = content(clean)["definitions"]["logit_variance"]
        # Temperatures are those of clean images; what they are applied to is not.
        assert numbers["temperature"]["value"] == own["temperature"]["value"]
        assert numbers["nll_scaled"]["value"] != own["nll_scaled"]["value"]
        right = estimate(logits(spec.predictions)).prediction == base.test.labels.numpy()
        assert numbers["accuracy"]["value"] == right.mean()
        parents = manifests.read_manifest(root / paths.folder(spec)).parents
        assert parents.keys() == {
            paths.folder(each) for each in (*spec.predictions, *clean.predictions)
        }
    flipped = images(scores["upside_down", 0.5].predictions[0].images).test.images
    assert torch.equal(flipped.flip(2), base.test.images)

    held_out = images(scores["validation", 0.0].predictions[0].images)
    assert held_out.role == "validation"
    assert sorted([*held_out.test.ids.tolist(), *base.train.ids.tolist()]) == list(range(40))
    assert content(scores["validation", 0.0])["images"] == 10

    spec = scores["others", 0.5]
    assert images(spec.predictions[0].images).test.images.shape == (30, 3, 8, 8)
    pair = [estimate(logits(each)).uncertainty for each in (spec.clean, spec.predictions)]
    numbers = content(spec)["definitions"]["logit_variance"]
    expected = roc_auc_score(np.repeat([0, 1], 30), np.concatenate(pair))
    assert numbers.keys() == {"ood_auroc", "ood_fpr95"}
    assert numbers["ood_auroc"]["value"] == pytest.approx(expected)


def test_images_in_files(
    tmp_path: Path, make: Callable[[Plan], Path], make_folder: Callable[..., Path]
) -> None:
    root = make_folder(train=8)
    others = make_folder(name="others")
    folder = {"name": "imagefolder", "path": str(root), "crop_size": 32, "validation": 0.25}
    ood = {"name": "imagefolder", "role": "ood", "label": "others", "path": str(others)}
    changes = {"datasets": [folder], "uncertainties": ["msp"]}
    plan = Plan.load(study(tmp_path, test_sets=[CONTRAST, ood], **changes))
    artifacts = make(plan)
    scores = {each.test_set: each.score for each in plan.combinations if each.sparsity == 0}
    specs = {name: score.predictions[0].images for name, score in scores.items()}

    def images(name: str) -> tuple[StreamedDataset, torch.Tensor]:
        spec = specs[name]
        found = payloads.load_dataset(artifacts / paths.folder(spec) / spec.payload[0], spec)
        assert isinstance(found, StreamedDataset)
        assert found.test.digests is not None
        rows = torch.arange(len(found.test))
        batches = evaluation_batches(found, found.test, rows, 100, torch.device("cpu"))
        return found, next(batches)

    (base, clean), (_, weak), (_, strong) = map(images, ("test", "contrast-1", "contrast-5"))
    spread = [each.std(dim=(2, 3)).mean() for each in (clean, weak, strong)]
    # The constants of images of up to 64 pixels.
    assert (spread[1] / spread[0]).item() == pytest.approx(0.75, rel=0.05)
    assert (spread[2] / spread[0]).item() == pytest.approx(0.15, rel=0.1)
    assert [len(base.train), len(images("validation")[0].test)] == [12, 4]
    found, pixels = images("others")
    assert (found.root, pixels.shape[2:], found.image_size) == (others, (32, 32), 32)
    assert found.test.labels.tolist() == [-1] * len(found.test)

    # Made images have no folder of their own to compare; those of other folders have.
    here = Plan.load(study(tmp_path, test_sets=[CONTRAST, ood], **changes))
    looked = {name.partition("/data~")[0] for name in Comparisons(here).parts}
    assert looked == {"imagefolder", "imagefolder/validation", "imagefolder/others"}
    # A file that is replaced is found by the next job that reads it.
    (root / base.test.name(0)).write_bytes(b"other")
    with pytest.raises(PipelineError, match="has changed since"):
        images("contrast-5")


def test_labels_that_a_plugin_changes_are_refused(
    tmp_path: Path, make: Callable[[Plan], Path]
) -> None:
    text = """
    from dataclasses import replace


    def shifted(data, path=None, *, seed=0):
        return replace(data, test=replace(data.test, labels=data.test.labels.flip(0)))
    """
    (tmp_path / "wrong.py").write_text(textwrap.dedent(text))
    content = study(tmp_path, test_sets=[{"name": "wrong"}])
    plan = Plan.load(content | {"plugins": [*content["plugins"], str(tmp_path / "wrong.py")]})
    specs = [spec for spec in plan.nodes.values() if isinstance(spec, Data)]
    plan = Plan(plan.study, plan.switches, (), {paths.folder(each): each for each in specs}, {})
    with pytest.raises(PipelineError, match="wrong: `shifted` returned other labels or ids"):
        make(plan)


def test_published_images_in_another_folder_are_compared(
    tmp_path: Path, make: Callable[[Plan], Path]
) -> None:
    def plan(folder: Path) -> Plan:
        entry = {"name": "cifar_c", "path": str(folder), "kind": "fog", "severity": 2}
        found = Plan.load(study(tmp_path, datasets=["spots"], test_sets=[entry]))
        specs = {name: each for name, each in found.nodes.items() if isinstance(each, Data)}
        return Plan(found.study, found.switches, (), specs, {})

    first, moved, other = (tmp_path / name for name in ("first", "moved", "other"))
    for folder in (first, moved, other):
        folder.mkdir()
        np.save(folder / "labels.npy", np.tile(np.arange(30) % 2, 5).astype(np.uint8))
        value = 9 if folder == other else 7
        np.save(folder / "fog.npy", np.full((150, 8, 8, 3), value, np.uint8))
    root = make(plan(first))
    for folder in (moved, other):
        (spec,) = [each for each in plan(folder).nodes.values() if each.place == "spots/fog-2"]
        job = Job(spec, Switches(artifacts=root))
        assert (job.folder / paths.MANIFEST).exists()
        if folder == moved:
            data.confirm(spec, job, ("test",))
        else:
            with pytest.raises(
                PipelineError, match=f"{other} does not hold what .*: other test im"
            ):
                data.confirm(spec, job, ("test",))
