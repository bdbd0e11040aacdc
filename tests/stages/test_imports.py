"""A job is a process of its own, so what a stage imports is most of what a small study costs."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "torchvision", "torch._dynamo", "sklearn", "scipy", "pandas", "matplotlib"}
ALLOWED = {
    "train": {"torch"},
    "prune": {"torch"},
    "finetune": {"torch"},
    "infer": {"torch"},
    "score": set(),
    "plot": {"pandas", "matplotlib"},
}


def heavy_modules(code: str) -> set[str]:
    code = f"import sys\n{code}\nprint(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return HEAVY & set(found.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("stage", ALLOWED)
def test_stages_are_light(stage: str) -> None:
    assert heavy_modules(f"import pipeline.stages.{stage}") == ALLOWED[stage]


def test_computing_imports_nothing_more() -> None:
    code = """
import torch
from pipeline.cache import payloads
from pipeline.datasets import Dataset, ImageSet
from pipeline.engine.inference import predict
from pipeline.models import build
from pipeline.pruning import prune
from pipeline.cache.specs import Recipe
from pipeline.engine.training import fit

part = ImageSet(torch.zeros(8, 3, 8, 8, dtype=torch.uint8), torch.arange(8) % 2, torch.arange(8))
data = Dataset(part, part, ("a", "b"), (0.5,) * 3, (0.5,) * 3)
model = build("resnet18", 2, width=1 / 16, dropout=0.1, image_size=8)
fit(model, data, Recipe(1, batch_size=4), seed=0)
images = data.normalise(part.images)
for pruner in ("random", "l1", "batchnorm", "hrank"):
    smaller, _ = prune(model, pruner, 0.5, example_input=images[:1], images=images)
predict(smaller, data, samples=2)
"""
    assert heavy_modules(code) == {"torch"}


def test_only_streaming_imports_torchvision(tmp_path: Path) -> None:
    code = f"""
import torch
from pathlib import Path
from pipeline.cache import payloads
from pipeline.engine.batches import training_batches
from pipeline.datasets import ImageFiles, StreamedDataset
from pipeline.cache.specs import Data, Recipe

zeros = torch.zeros(4, dtype=torch.int64)
part = ImageFiles(torch.zeros(4, 1, dtype=torch.uint8), zeros, zeros, zeros)
data = StreamedDataset(part, part, ("a",), (0.5,) * 3, (0.5,) * 3, 8, 8)
file = Path({str(tmp_path / "images.safetensors")!r})
payloads.save_dataset(file, data)
payloads.load_dataset(file, Data("imagefolder", access=(("path", "."),)))
"""
    assert heavy_modules(code) == {"torch"}
    assert "torchvision" in heavy_modules(
        code + "training_batches(data, Recipe(1), 0, torch.device('cpu'))"
    )
