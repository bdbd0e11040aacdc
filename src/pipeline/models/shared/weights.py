"""Weights from elsewhere: the user's own file, torchvision's or timm's."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline.errors import PipelineError
from pipeline.progress import say

# Where checkpoints keep a state dict, and what DataParallel puts before its names.
WRAPPINGS = ("state_dict", "model_state_dict", "net", "model")
PREFIX = "module."
TIMM = "timm/"  # timm/resnet26d.bt_in1k
# Their weights expect images of another normalisation, and have auxiliary heads.
OTHER_IMAGES = ("GoogLeNet_Weights", "Inception_V3_Weights")


def given_weights(init: str, path: str | None) -> dict[str, Tensor]:
    """The tensors of a file, whose SHA-256 is `init`, or of a library's weights of that name.

    A file ends in ``.safetensors``, or else is torch's and is read without running code in it. A
    state dict may lie in a checkpoint, under ``state_dict``, ``net`` or ``model``, and its names
    may begin with ``module.``: that is taken off, and said.

    Raises:
        PipelineError: the file is missing, has changed since the study was read, or holds something
            else; or the library does not know the weights or cannot download them.
    """
    if path is None:
        return _from_timm(init) if init.startswith(TIMM) else _from_torchvision(init)
    if not Path(path).is_file():
        raise PipelineError(f"{path} is missing")
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != init:
        raise PipelineError(f"{path} has changed since the study was read; run snakemake again")
    try:
        if path.endswith(".safetensors"):
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # a damaged file can raise nearly any of them
        raise PipelineError(f"{path} cannot be read as tensors and nothing else") from None
    return _unwrapped(state, path)


def _unwrapped(state: Any, path: str) -> dict[str, Tensor]:
    """The state dict in a checkpoint; what was around it is said."""
    around = []
    while isinstance(state, dict) and (found := [key for key in WRAPPINGS if key in state]):
        if not isinstance(state[found[0]], dict):
            break
        around.append(repr(found[0]))
        state = state[found[0]]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise PipelineError(f"{path} does not hold a state dict: names with tensors")
    while state and all(str(name).startswith(PREFIX) for name in state):
        around.append(f"names after {PREFIX!r}")
        state = {name.removeprefix(PREFIX): tensor for name, tensor in state.items()}
    if around:
        say(f"{path}: took the weights from {', '.join(around)}")
    return dict(state)


def _from_torchvision(name: str) -> dict[str, Tensor]:
    from torchvision.models import get_weight

    if name.startswith(OTHER_IMAGES):
        raise PipelineError(f"{name}: these weights expect images of another normalisation")
    try:
        weights = get_weight(name)
    except (ValueError, KeyError):
        raise PipelineError(f"torchvision has no weights {name}") from None
    try:
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)  # type: ignore[no-any-return]
    except (OSError, RuntimeError) as error:
        raise PipelineError(f"{name} could not be downloaded: {error}") from None


def _from_timm(name: str) -> dict[str, Tensor]:
    try:
        import timm
    except ImportError:
        raise PipelineError(f"{name} needs the package timm, which is not installed") from None
    try:
        state = timm.create_model(name.removeprefix(TIMM), pretrained=True).state_dict()
    except Exception as error:  # of the download it can raise nearly anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PipelineError(f"{name} could not be had from timm: {reason}") from None
    return state


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Give a network the tensors of a state dict that comes from `source`.

    Raises:
        PipelineError: names or shapes are not the network's, or values are not finite; the first
            ones are named.
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
    problems += [
        f"{key} is not finite"
        for key, tensor in state.items()
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise PipelineError(f"{source} does not fit the network: {', '.join(problems[:3])}{more}")
    model.load_state_dict(dict(state))
