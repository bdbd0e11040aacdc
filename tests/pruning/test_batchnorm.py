import pytest
import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.pruning import prune, scores

EXAMPLE = torch.zeros(1, 3, 32, 32)


def test_scores_are_absolute_scales_of_the_norm_behind() -> None:
    model = build("resnet18", 10, width=0.125)
    names = {"conv1": "bn1", "layer3.0.downsample.0": "layer3.0.downsample.1",
             "layer4.1.conv2": "layer4.1.bn2"}  # fmt: skip
    for norm in names.values():
        nn.init.normal_(model.get_parameter(f"{norm}.weight"))
    found = scores(model, "batchnorm", example_input=EXAMPLE)
    for conv, norm in names.items():
        weight = model.get_parameter(f"{norm}.weight").detach()
        assert torch.equal(found[conv], weight.double().abs())


def test_the_smallest_scales_go() -> None:
    model = build("vgg19", 10, width=0.125)
    with torch.no_grad():
        model.features[1].weight.copy_(torch.tensor([1, -3, 0.5, 2, -0.1, 4, 5, 6]))
    _, report = prune(model, "batchnorm", 0.25, example_input=EXAMPLE)
    assert report.kept["features.0"] == (0, 1, 3, 5, 6, 7)


def test_a_convolution_without_norm_is_refused() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 1024, 2))
    with pytest.raises(
        PipelineError, match=r"^no batch norm follows 0: batchnorm cannot score it$"
    ):
        prune(model, "batchnorm", 0.5, example_input=EXAMPLE)
