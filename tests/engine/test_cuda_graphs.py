"""Recording steps of a training on a GPU."""

import pytest
import torch
from torch import nn

from pipeline.engine.cuda_graphs import Recorded


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_what_cannot_be_recorded_goes_on_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    device = torch.device("cuda")
    sums: list[float] = []

    def waits(images: torch.Tensor, labels: torch.Tensor) -> None:
        sums.append(nn.functional.dropout(images, 0.5).sum().item())

    step = Recorded(waits, device, undo=lambda: None)
    for seed in (0, 1, 2, 3, 0):
        torch.cuda.manual_seed(seed)
        step(torch.ones(64, device=device), torch.zeros(1, device=device))
    assert len(sums) == 5
    assert sums[0] == sums[4] != sums[1]
    assert capsys.readouterr().out.count("runs without CUDA graphs") == 1
