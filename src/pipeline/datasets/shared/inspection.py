"""Reading every file of a streamed data set once: is it a picture, and what is its SHA-256?

Files are read by threads, since hashing and decoding let others run meanwhile. What was read is
noted in a file that only grows, so that an interrupted job goes on where it was.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from pipeline.datasets.shared.decoding import Decoder, reason
from pipeline.datasets.shared.types import ImageFiles
from pipeline.errors import PipelineError
from pipeline.progress import say, track

CHUNK = 32  # files that a thread reads at once
SHOWN = 20  # a screenful of messages

# Which file, by name, size and time of its last change, and its SHA-256.
RECORD = np.dtype([("file", np.uint64), ("digest", np.uint8, 32)])

T = TypeVar("T")
S = TypeVar("S")


class Read(NamedTuple):
    """A file that was read: its SHA-256 or what is wrong with it, and which file it was if new."""

    digest: bytes = b""
    fault: str = ""
    file: int | None = None

    @property
    def is_new(self) -> bool:
        """Whether it is to be noted."""
        return self.file is not None


class Notes:
    """The digests of files that were read before, in a file that only grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[int, bytes] = {}
        with suppress(FileNotFoundError):
            content = path.read_bytes()
            whole = len(content) - len(content) % RECORD.itemsize
            records = np.frombuffer(content[:whole], RECORD)
            digests = (bytes(digest) for digest in records["digest"])
            self._known = dict(zip(records["file"].tolist(), digests, strict=True))
            if whole < len(content):
                os.truncate(path, whole)

    def get(self, file: int) -> bytes | None:
        """What is noted of a file."""
        return self._known.get(file)

    def add(self, found: Iterable[Read]) -> None:
        """Note files."""
        rows = [(each.file, np.frombuffer(each.digest, np.uint8)) for each in found]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as notes:
            notes.write(np.array(rows, RECORD).tobytes())

    def delete(self) -> None:
        """Forget all: what they were for is done."""
        self.path.unlink(missing_ok=True)


def inspect(
    root: Path,
    files: ImageFiles,
    what: str,
    *,
    decode: Decoder | None,
    threads: int,
    notes: Notes | None = None,
) -> tuple[Tensor, dict[int, str]]:
    """Read all files of a part of a data set.

    Args:
        root: The folder that the files' names are relative to.
        files: Which ones.
        what: What they are, for a bar and for log lines.
        decode: What makes pixels of a file; without it, files are only hashed.
        threads: How many are read at a time.
        notes: Where to go on, and to note what was read.

    Returns:
        The digests uint8 [N, 32], and what is wrong with which rows.
    """
    digests = np.zeros((len(files), 32), np.uint8)
    faults: dict[int, str] = {}

    def read(rows: range) -> list[Read]:
        return [_read(root, files, row, decode, notes) for row in rows]

    def noted() -> Iterator[Read]:
        chunks = (range(start, min(start + CHUNK, len(files)))
                  for start in range(0, len(files), CHUNK))  # fmt: skip
        for found in _in_threads(read, chunks, threads):
            if notes and (new := [each for each in found if each.is_new]):
                notes.add(new)
            yield from found

    for row, done in enumerate(track(noted(), what, len(files))):
        if done.fault:
            faults[row] = done.fault
        else:
            digests[row] = np.frombuffer(done.digest, np.uint8)
    return torch.from_numpy(digests), faults


def _which(path: Path, name: str) -> int | None:
    """A number that stands for a file as it is now; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    text = f"{name}\0{status.st_size}\0{status.st_mtime_ns}"
    digest = hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _read(
    root: Path, files: ImageFiles, row: int, decode: Decoder | None, notes: Notes | None
) -> Read:
    name = files.name(row)
    path = root / name
    file = _which(path, name) if notes else None
    if notes and file is not None and (known := notes.get(file)):
        return Read(known)
    try:
        content = path.read_bytes()
    except OSError as error:
        return Read(fault=error.strerror or str(error))
    if not content:
        return Read(fault="an empty file")
    if len(content) != (size := int(files.sizes[row])):
        return Read(fault=f"{len(content)} bytes, not {size}")
    if decode is not None:
        try:
            decode(content)
        except Exception as error:  # decoders raise all sorts
            return Read(fault=reason(error))
    return Read(hashlib.sha256(content).digest(), file=file)


def _in_threads(function: Callable[[T], S], items: Iterable[T], threads: int) -> Iterator[S]:
    """The results in order; no more is begun than will soon be asked for."""
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[S]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def refuse(faults: list[str], report: Path) -> None:
    """Print at most a screenful of faults, write all into a file, and raise if there are any.

    Raises:
        PipelineError: there are faults; it names their number, the first one and the file.
    """
    if not faults:
        report.unlink(missing_ok=True)
        return
    report.write_text("".join(f"{fault}\n" for fault in faults), errors="surrogateescape")
    for fault in faults[:SHOWN]:
        say(fault.encode(errors="replace").decode())
    if len(faults) > SHOWN:
        say(f"and {len(faults) - SHOWN:,} more")
    files = "1 file" if len(faults) == 1 else f"{len(faults):,} files"
    raise PipelineError(
        f"{files} cannot be used, such as {faults[0].encode(errors='replace').decode()}; mend or "
        f"remove them and run snakemake again, the others are not read again; all are in {report}"
    )
