"""Locks between processes: two must not make one thing at once."""

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import PipelineError

# The holder of a lock writes who it is after it has got it.
MOMENT = 0.05


@contextlib.contextmanager
def only_one(path: Path, doing: str = "made", about: str = "") -> Iterator[None]:
    """Hold the lock of a folder's content.

    Args:
        path: the lock file, in that folder.
        doing: what is done to the folder, for the message to who comes second.
        about: says exactly what is made. Who comes second waits if it is the same, so as to find
            it done.

    Raises:
        PipelineError: another process holds the lock, or the file system has none.
    """
    with path.open("a+") as lock:
        try:
            _get(lock.fileno(), wait=False)
        except BlockingIOError:
            time.sleep(MOMENT)
            lock.seek(0)
            holder, _, its = lock.read().partition("\n")
            holder = holder.strip() or "another process"
            if not about or its.strip() != about:
                raise PipelineError(
                    f"{path.parent} is being {doing} by {holder}; wait for it, or stop it and run "
                    "snakemake again"
                ) from None
            print(f"wait: {path.parent} is being {doing} by {holder}", flush=True)
            _get(lock.fileno(), wait=True)
        except OSError as error:
            raise PipelineError(
                f"{path}: this file system has no locks ({error.strerror}), so two jobs could make "
                "one artifact at once; mount it with locks, or keep artifacts elsewhere: "
                "snakemake --config artifacts=PATH"
            ) from None
        lock.truncate(0)
        lock.write(f"{_whoami()}\n{about}")
        lock.flush()
        yield


def _get(file: int, *, wait: bool) -> None:
    fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def _whoami() -> str:
    """This process as a user can find it."""
    cluster_job = os.environ.get("SLURM_JOB_ID")
    within = f"SLURM job {cluster_job}, " if cluster_job else ""
    return f"{within}process {os.getpid()} on {socket.gethostname()}"
