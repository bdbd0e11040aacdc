import numpy as np
import torch

from pipeline.models import build
from pipeline.pruning import prune, scores

EXAMPLE = torch.zeros(1, 3, 32, 32)


def test_scores_are_sums_of_absolute_weights() -> None:
    model = build("vgg19", 10, width=0.1)
    for name, found in scores(model, "l1", example_input=EXAMPLE).items():
        weight = model.get_parameter(f"{name}.weight").detach().numpy()
        expected = [np.abs(filter_.astype(float)).sum() for filter_ in weight]
        np.testing.assert_allclose(found, expected)


def test_the_smallest_filters_go() -> None:
    model = build("vgg19", 10, width=0.125)
    with torch.no_grad():
        model.features[0].weight[2] *= 0.01
        model.features[0].weight[5] = 0
    _, report = prune(model, "l1", 0.25, example_input=EXAMPLE)
    assert report.kept["features.0"] == (0, 1, 3, 4, 6, 7)
