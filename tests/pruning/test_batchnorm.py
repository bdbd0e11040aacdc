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


class Excited(nn.Module):
    """Squeeze-and-excitation: two convolutions without batch norms beside one that has one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.an = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.down, self.up = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.fc = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.an(self.a(x)).relu()
        x = x * self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]


def test_convolutions_without_norm_leave_the_choice_to_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    torch.manual_seed(0)
    model = Excited()
    nn.init.uniform_(model.an.weight, 0.1, 1)
    _, report = prune(model, "batchnorm", 0.5, example_input=EXAMPLE)
    assert set(report.kept["a"]) == set(model.an.weight.abs().topk(4).indices.tolist())
    assert report.kept["up"] == report.kept["a"]
    norms = model.down.weight.abs().sum((1, 2, 3))
    assert set(report.kept["down"]) == set(norms.topk(2).indices.tolist())
    assert "batchnorm: no batch norm follows down, so that the L1 norm decides there" in caplog.text
    with pytest.raises(PipelineError, match=r"^no batch norm follows down: in scope: global"):
        prune(model, "batchnorm", 0.5, example_input=EXAMPLE, scope="global")
