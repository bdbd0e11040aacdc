"""Where long work stands: a bar in a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 30.0


def say(line: str) -> None:
    """Print a line without breaking a bar."""
    tqdm.write(line)
    sys.stdout.flush()


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`, showing how many are done."""
    if sys.stderr.isatty():
        yield from tqdm(items, what, total, leave=False)
        return
    last = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"{what}: {done} of {total}" if total else f"{what}: {done}")
        yield item
