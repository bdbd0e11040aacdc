"""Inference: shapes, and MC dropout that does not depend on batches."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipeline.datasets import Dataset, ImageSet, imagefolder
from pipeline.engine.inference import predict
from pipeline.engine.streaming import stream
from pipeline.errors import PipelineError
from pipeline.models import build

MakeDataset = Callable[..., Dataset]


def network(dropout: float) -> torch.nn.Module:
    torch.manual_seed(0)
    return build("resnet18", 4, width=1 / 16, dropout=dropout, image_size=8)


def test_one_pass_is_the_forward_pass(make_dataset: MakeDataset) -> None:
    data, model = make_dataset(), network(0.2)
    logits = predict(model, data, batch_size=7)
    assert logits.shape == (1, 20, 4)
    assert logits.dtype == torch.float32
    with torch.no_grad():
        expected = network(0.2).eval()(data.normalise(data.test.images))
    torch.testing.assert_close(logits[0], expected)


def test_passes_differ_but_not_by_batch(make_dataset: MakeDataset) -> None:
    data, model = make_dataset(), network(0.2)
    logits = predict(model, data, samples=3, seed=1, batch_size=60)
    assert logits.shape == (3, 20, 4)
    assert not torch.allclose(logits[0], logits[1])
    torch.testing.assert_close(predict(model, data, samples=3, seed=1, batch_size=7), logits)
    # The first passes do not depend on how many follow.
    torch.testing.assert_close(predict(model, data, samples=2, seed=1), logits[:2])
    assert not torch.allclose(predict(model, data, samples=3, seed=2), logits)


PEAK_MEMORY = """
import resource, sys, torch
from pathlib import Path
from pipeline.cache import payloads
from pipeline.datasets import Dataset, ImageSet
from pipeline.engine.inference import logits_by_batch

def peak(images):
    part = ImageSet(torch.zeros(images, 3, 2, 2, dtype=torch.uint8), torch.arange(images) % 1000,
                    torch.arange(images))
    data = Dataset(part, part, tuple(map(str, range(1000))), (0.5,) * 3, (0.5,) * 3)
    with payloads.writing_predictions(
        Path(sys.argv[1]), part.labels, part.ids, samples=1, classes=1000
    ) as append:
        for logits in logits_by_batch(model, data, 1, 0, batch_size=100):
            append(logits.numpy())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1000))
print(peak(1_000), peak(40_000))
"""


def test_memory_does_not_grow_with_the_test_set(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PEAK_MEMORY, str(tmp_path / "predictions.safetensors")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    few, many = map(int, done.stdout.split())
    assert (tmp_path / "predictions.safetensors").stat().st_size > 160e6
    # In MB: the logits are 4 and 160.
    assert many - few < 30


def test_streamed_images_are_predicted_like_those_in_memory(
    make_folder: Callable[..., Path],
) -> None:
    streamed = imagefolder.load(make_folder(), crop_size=8)
    parts = []
    for part in (streamed.train, streamed.test):
        images = stream(streamed, part, torch.arange(len(part)), 4, torch.device("cpu"))
        parts.append(ImageSet(torch.cat(list(images)), part.labels, part.ids))
    data = Dataset(*parts, streamed.classes, streamed.mean, streamed.std)
    for samples in (1, 3):
        expected = predict(network(0.2), data, samples=samples)
        found = predict(network(0.2), streamed, samples=samples, batch_size=2)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("dropout", "samples"), [(0.0, 5), (0.2, 0)])
def test_what_cannot_be_sampled(make_dataset: MakeDataset, dropout: float, samples: int) -> None:
    with pytest.raises(PipelineError, match="samples"):
        predict(network(dropout), make_dataset(), samples=samples)
