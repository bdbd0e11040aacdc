"""Where long work stands: a bar in a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 30.0
# What takes less time shows no bar.
SECONDS_BEFORE_BAR = 1.0


def say(line: str) -> None:
    """Print a line without breaking a bar."""
    tqdm.write(line)
    sys.stdout.flush()


def track(
    items: Iterable[T], what: str, total: int | None = None, *, first: int = 0
) -> Iterator[T]:
    """Yield `items`, and show how many are done.

    Args:
        items: The parts of the work.
        what: What they are, in the plural: ``batches``.
        total: How many there are altogether.
        first: How many were done before.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, what, total, leave=False, initial=first, delay=SECONDS_BEFORE_BAR)
        return
    last = time.monotonic()
    for done, item in enumerate(items, first):
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"{what}: {done} of {total}" if total else f"{what}: {done}")
        yield item
