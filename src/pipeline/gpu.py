"""Which GPUs this machine offers, found without importing torch."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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

    Where all are held by other jobs, it waits for one.
    """
    devices = visible()
    if not devices:
        yield "cpu"
        return
    # A cluster numbers the devices of each job from 0.
    job = os.environ.get("SLURM_JOB_ID", "")
    folder, told = Path(tempfile.gettempdir()), False
    while True:
        for name in devices:
            path = folder / f"pruning-uncertainty-gpu-{os.getuid()}-{job}-{name}.lock"
            with path.open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                os.environ["CUDA_VISIBLE_DEVICES"] = name
                yield "cuda"
                return
        if not told:
            print(f"waiting: other jobs hold all GPUs ({', '.join(devices)})", flush=True)
            told = True
        time.sleep(1)
