"""Whether a job failed for good: so that it is not submitted again, as one that was stopped is.

A job that fails in its stage would fail again. One that was stopped, lost its node or its disk, was
given a GPU that does not work, or found its artifact locked may succeed the next time.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import Interrupted

MARK = ".failed"


@contextmanager
def noted(folder: Path) -> Iterator[None]:
    """Leave a mark in an artifact's folder if the block fails for good."""
    mark = folder / MARK
    mark.unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        if not _may_pass(error):
            mark.touch()
        raise


def on_gpu(error: BaseException) -> bool:
    """Whether an error is one of the GPU or its libraries."""
    return isinstance(error, RuntimeError) and bool(re.search("CUDA|cuDNN|CUBLAS", str(error)))


def _may_pass(error: Exception) -> bool:
    return isinstance(error, Interrupted | OSError) or on_gpu(error)


def forget(folder: Path) -> bool:
    """Remove the mark of a failure for good; whether there was one."""
    # Listing a folder sees what another node has just written; asking for one file may not.
    if not folder.is_dir() or MARK not in os.listdir(folder):
        return False
    (folder / MARK).unlink(missing_ok=True)
    return True
