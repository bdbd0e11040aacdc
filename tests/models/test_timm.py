import sys

import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.models.shared.dropout import has_dropout
from pipeline.pruning import prune


def test_a_network_of_timm_is_pruned() -> None:
    pytest.importorskip("timm")
    torch.manual_seed(0)
    model = build("timm", 4, model="test_resnet", stem="small", dropout=0.2).eval()
    assert has_dropout(model)
    images = torch.randn(2, 3, 32, 32)
    smaller, report = prune(model, "l1", 0.5, example_input=images)
    assert report.parameters < 0.3 * report.parameters_before
    assert smaller(images).shape == (2, 4)


def test_an_unknown_name_is_refused_in_one_line() -> None:
    pytest.importorskip("timm")
    with pytest.raises(PipelineError, match=r"^timm: model: there is no network 'resnet19'; there"):
        build("timm", 4, model="resnet19")


def test_without_timm_a_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(PipelineError, match=r"^timm: resnet26d needs the package timm, .* install"):
        build("timm", 4, model="resnet26d")
