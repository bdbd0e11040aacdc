"""How a training went, epoch by epoch: ``history.csv`` beside the network that it made.

It is no payload: no manifest names it, nothing is made from it, and an artifact without it is
valid. Epochs are counted from 1 in the file, as in the log.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.cache import files, paths
from pipeline.errors import PipelineError

COLUMNS = ("epoch", "loss", "accuracy", "learning_rate", "seconds")


@dataclass(frozen=True)
class Epoch:
    """What is known of an epoch when it ends.

    Attributes:
        epoch: Which one, from 0.
        loss: Mean cross-entropy of the augmented training images, in nats.
        accuracy: Share of right answers on them, in [0, 1].
        lr: The learning rate of the last step.
        seconds: How long its steps took, all parts together where it was interrupted.
    """

    epoch: int
    loss: float
    accuracy: float
    lr: float
    seconds: float = field(compare=False)


def write(folder: Path, epochs: Sequence[Epoch]) -> None:
    """Write all epochs of a training into its artifact's folder."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(
        (each.epoch + 1, each.loss, each.accuracy, each.lr, round(each.seconds, 3))
        for each in epochs
    )
    files.write_bytes(folder / paths.HISTORY, text.getvalue().encode())


def read(folder: Path) -> list[Epoch]:
    """The epochs of the training that made an artifact.

    Raises:
        PipelineError: an older version made it and kept none, or the file is damaged.
    """
    path = folder / paths.HISTORY
    try:
        header, *rows = csv.reader(path.read_text().splitlines())
        found = [Epoch(int(number) - 1, *map(float, values)) for number, *values in rows]
    except FileNotFoundError:
        raise PipelineError(f"{path} is missing") from None
    except (ValueError, TypeError):
        header, found = [], []
    if tuple(header) != COLUMNS or [each.epoch for each in found] != list(range(len(found))):
        raise PipelineError(f"{path} is damaged; delete it: nothing but learning curves needs it")
    return found
