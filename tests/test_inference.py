"""Inference: shapes, and MC dropout that does not depend on batches."""

from collections.abc import Callable

import pytest
import torch

from pipeline.datasets import Dataset
from pipeline.errors import PipelineError
from pipeline.inference import predict
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


@pytest.mark.parametrize(("dropout", "samples"), [(0.0, 5), (0.2, 0)])
def test_what_cannot_be_sampled(make_dataset: MakeDataset, dropout: float, samples: int) -> None:
    with pytest.raises(PipelineError, match="samples"):
        predict(network(dropout), make_dataset(), samples=samples)
