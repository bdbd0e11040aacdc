from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.models.shared.weights import given_weights, load_weights
from pipeline.seeds import derive_seed


def saved(content: Any, path: Path) -> dict[str, torch.Tensor]:
    import hashlib

    torch.save(content, path)
    return given_weights(hashlib.sha256(path.read_bytes()).hexdigest(), str(path))


STATE = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
PARALLEL = {f"module.{name}": tensor for name, tensor in STATE.items()}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (STATE, ""),
        ({"state_dict": STATE, "epoch": 3, "arch": "resnet50"}, "'state_dict'"),
        ({"net": PARALLEL, "acc": 93.1}, "'net', names after 'module.'"),
        ({"model": {"state_dict": PARALLEL}}, "'model', 'state_dict', names after 'module.'"),
        (PARALLEL, "names after 'module.'"),
    ],
)
def test_checkpoints_are_unwrapped_and_a_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Any, line: str
) -> None:
    path = tmp_path / "weights.pth"
    found = saved(content, path)
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in STATE.items())
    expected = f"{path}: took the weights from {line}\n" if line else ""
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("content", [{"net": 3}, {"epoch": 3}, [STATE], {"state_dict": [1, 2]}])
def test_what_holds_no_weights_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(PipelineError, match=r"weights.pth does not hold a state dict"):
        saved(content, tmp_path / "weights.pth")


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="cannot be read as tensors and nothing else"):
        saved({"state_dict": STATE, "args": derive_seed}, tmp_path / "weights.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value: float) -> None:
    state = {**STATE, "bias": torch.tensor([1.0, value])}
    with pytest.raises(PipelineError, match=r"^here does not fit the network: bias is not finite$"):
        load_weights(nn.Linear(3, 2), state, "here")


@pytest.mark.parametrize(
    "name", ["GoogLeNet_Weights.IMAGENET1K_V1", "Inception_V3_Weights.IMAGENET1K_V1"]
)
def test_weights_for_images_of_another_normalisation_are_refused(name: str) -> None:
    with pytest.raises(PipelineError, match=f"^{name}: these weights expect images of another"):
        given_weights(name, None)
