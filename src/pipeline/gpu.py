"""Which GPUs this machine offers, found without importing torch."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import PipelineError


def visible() -> list[str]:
    """The ids of the NVIDIA GPUs that may be used: CUDA_VISIBLE_DEVICES, or all there are."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    return sorted(
        file.name.removeprefix("nvidia")
        for file in Path("/dev").glob("nvidia*")
        if file.name.removeprefix("nvidia").isdigit()
    )


@contextmanager
def one_device() -> Iterator[str]:
    """Hold one free GPU for this process and name it for torch: ``cuda``, or ``cpu`` without any.

    Raises:
        PipelineError: every GPU is held by another job.
    """
    devices = visible()
    if not devices:
        yield "cpu"
        return
    folder = Path(tempfile.gettempdir())
    for name in devices:
        with (folder / f"pruning-uncertainty-gpu-{os.getuid()}-{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            os.environ["CUDA_VISIBLE_DEVICES"] = name
            yield "cuda"
            return
    raise PipelineError(
        f"all {len(devices)} GPUs are held by other jobs; give `--resources gpu={len(devices)}`"
    )
