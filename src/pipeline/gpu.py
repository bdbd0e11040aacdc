"""Which GPUs this machine offers, found without importing torch, and one of them for each job."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import PipelineError

# Where networks run: on a GPU if there is one, or not.
CHOICES = ("auto", "cpu")


def visible() -> list[str]:
    """The ids of the NVIDIA GPUs that may be used: CUDA_VISIBLE_DEVICES, or all there are."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        names = (name.strip() for name in chosen.split(","))
        return [name for name in names if name not in ("", "-1", "NoDevFiles")]
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


def check(device: str) -> None:
    """Refuse a GPU that was promised and that torch cannot use: the CPU would take days.

    Raises:
        PipelineError: torch sees no GPU although there is one, or SLURM gave the job one.
    """
    if device == "cuda":
        promised = f"GPU {os.environ['CUDA_VISIBLE_DEVICES']}"
    elif "CUDA_VISIBLE_DEVICES" not in os.environ and _slurm_gpus():
        promised = "GPU that SLURM gave this job"
    else:
        return
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        raise PipelineError(
            f"torch {torch.__version__} cannot use the {promised}: mend the driver or the "
            "installation of torch, or compute on the CPU: snakemake --config device=cpu"
        )


def _slurm_gpus() -> int:
    number = os.environ.get("SLURM_GPUS_ON_NODE", "")
    return int(number) if number.isdigit() else 0
