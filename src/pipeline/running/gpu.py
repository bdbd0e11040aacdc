"""Which GPUs this machine offers, found without importing torch, and one of them for each job."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO

from pipeline.errors import PipelineError

# Where networks run: on a GPU if there is one, or not.
CHOICES = ("auto", "cpu")

DEVICES = Path("/dev")


def visible() -> list[str]:
    """The ids of the NVIDIA GPUs that may be used: CUDA_VISIBLE_DEVICES, or all there are."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        names = (name.strip() for name in chosen.split(","))
        return [name for name in names if name not in ("", "-1", "NoDevFiles")]
    names = (file.name.removeprefix("nvidia") for file in DEVICES.glob("nvidia*"))
    # CUDA counts those that are there: in a container, the only one may be called nvidia2.
    return [str(number) for number in range(sum(name.isdigit() for name in names))]


@contextmanager
def one_device(jobs: int = 1) -> Iterator[str]:
    """Hold a place on a GPU for this process and name the GPU for torch: ``cuda``, or ``cpu``.

    Each GPU has `jobs` places; the GPU with the fewest jobs comes first. Where all places are
    held by other jobs, it waits for one. ``cpu`` comes only where there is no GPU.
    """
    devices = visible()
    if not devices:
        yield "cpu"
        return
    told = False
    while (taken := _take(devices, jobs)) is None:
        if not told:
            print(f"waiting: other jobs hold all GPUs ({', '.join(devices)})", flush=True)
            told = True
        time.sleep(1)
    name, place = taken
    with place:
        os.environ["CUDA_VISIBLE_DEVICES"] = name
        yield "cuda"


def _take(devices: list[str], jobs: int) -> tuple[str, IO[str]] | None:
    """The GPU with the fewest jobs and the lock of a free place on it; None if all are full."""
    # A cluster numbers the devices of each job from 0.
    stem = f"pruning-uncertainty-gpu-{os.getuid()}-{os.environ.get('SLURM_JOB_ID', '')}"
    folder = Path(tempfile.gettempdir())
    with (folder / f"{stem}.lock").open("w") as turn:
        # Whoever counts and takes does so alone; it takes no time.
        fcntl.flock(turn, fcntl.LOCK_EX)
        locks: dict[str, list[IO[str] | None]] = {}
        for name in devices:
            of_device = f"{stem}-{name.replace('/', '-')}"
            # Another run may have more places on a GPU than this one.
            files = {folder / f"{of_device}.{place}.lock" for place in range(jobs)}
            files.update(folder.glob(f"{of_device}.*.lock"))
            locks[name] = [_lock(file) for file in sorted(files)]
        name = min(devices, key=lambda name: locks[name].count(None))
        full = locks[name].count(None) >= jobs
        chosen = None if full else next(filter(None, locks[name]))
        for lock in filter(None, chain.from_iterable(locks.values())):
            if lock is not chosen:
                lock.close()
    return (name, chosen) if chosen else None


def _lock(path: Path) -> IO[str] | None:
    """A file locked for this process; None if another one holds it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


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


@contextmanager
def memory_errors(device: str, jobs: int = 1) -> Iterator[None]:
    """Turn torch's report that memory is used up into a line that says what helps.

    Raises:
        PipelineError: instead of it.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error)
        signs = ("out of memory", "ALLOC_FAILED", "can't allocate memory")
        if not (isinstance(error, MemoryError) or any(sign in text for sign in signs)):
            raise
        whose = "GPU" if device == "cuda" else "machine"
        fewer = f"fewer jobs on a GPU (jobs_per_gpu is {jobs}), " if jobs > 1 else ""
        reason = ". ".join(text.partition("\n")[0].split(". ")[:3])
        raise PipelineError(
            f"the {whose}'s memory is used up: {fewer}a smaller batch_size or a larger {whose} "
            f"will help ({reason or 'MemoryError'})"
        ) from None
