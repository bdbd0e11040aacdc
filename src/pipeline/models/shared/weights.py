"""Weights from elsewhere: the user's own file, or torchvision's."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline.errors import PipelineError


def given_weights(init: str, path: str | None) -> dict[str, Tensor]:
    """The tensors of a file, whose SHA-256 is `init`, or of torchvision's weights of that name.

    A file ends in ``.safetensors``, or else is torch's and is read without running code in it.

    Raises:
        PipelineError: the file is missing, has changed since the study was read, or holds something
            else; or torchvision does not know the weights or cannot download them.
    """
    if path is None:
        return _from_torchvision(init)
    if not Path(path).is_file():
        raise PipelineError(f"{path} is missing")
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != init:
        raise PipelineError(f"{path} has changed since the study was read; run snakemake again")
    try:
        if path.endswith(".safetensors"):
            return load_file(path)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # a damaged file can raise nearly any of them
        raise PipelineError(f"{path} cannot be read as tensors and nothing else") from None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise PipelineError(f"{path} does not hold a state dict: names with tensors")
    return state


def _from_torchvision(name: str) -> dict[str, Tensor]:
    from torchvision.models import get_weight

    try:
        weights = get_weight(name)
    except (ValueError, KeyError):
        raise PipelineError(f"torchvision has no weights {name}") from None
    try:
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)  # type: ignore[no-any-return]
    except (OSError, RuntimeError) as error:
        raise PipelineError(f"{name} could not be downloaded: {error}") from None


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Give a network the tensors of a state dict that comes from `source`.

    Raises:
        PipelineError: names or shapes are not the network's; the first ones are named.
    """
    wanted = model.state_dict()
    # Older state dicts lack the counters, which nothing here reads.
    problems = [
        f"{key} is missing"
        for key in wanted
        if key not in state and not key.endswith("num_batches_tracked")
    ]
    problems += [f"{key} is left over" for key in state if key not in wanted]
    problems += [
        f"{key} has shape {tuple(state[key].shape)}, not {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in state and state[key].shape != tensor.shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise PipelineError(f"{source} does not fit the network: {', '.join(problems[:3])}{more}")
    model.load_state_dict(dict(state))
