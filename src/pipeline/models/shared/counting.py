"""How many operations and parameters a network has, as torch-pruning counts them.

torch-pruning imports timm where it is installed, for layers of transformers; with it come
torchvision and torch's compiler, which every job would wait for. No network here has such layers,
so timm stays out until somebody asks for a network of its.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without(package: str) -> Iterator[None]:
    """Let a package that is not loaded yet seem not to be installed."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]


with _without("timm"):
    from torch_pruning.utils import count_ops_and_params

__all__ = ["count_ops_and_params"]
