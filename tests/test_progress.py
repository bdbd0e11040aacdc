"""Where long work stands: a line at times in a log, a bar in a terminal."""

import io
import sys
from collections.abc import Callable, Iterator

import pytest

from pipeline import progress
from pipeline.cache.specs import Recipe
from pipeline.datasets import Dataset
from pipeline.engine.training import fit
from pipeline.models import build


def test_a_log_gets_a_line_at_least_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])

    def work() -> Iterator[int]:
        for item in range(3, 24):
            clock[0] += 4.0
            yield item

    lines: list[float] = []
    monkeypatch.setattr(progress, "say", lambda line: (print(line), lines.append(clock[0])))
    assert list(progress.track(work(), "epoch 2 of 9, batches", 24, first=3)) == list(range(3, 24))
    assert max(b - a for a, b in zip([0.0, *lines], [*lines, clock[0]], strict=True)) < 60
    assert capsys.readouterr().out.splitlines() == [
        "epoch 2 of 9, batches: 10 of 24",
        "epoch 2 of 9, batches: 18 of 24",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "SECONDS_BEFORE_BAR", 0.0)
    for _ in progress.track(range(2, 5), "batches", 5, first=2):
        pass
    assert "batches:  40%" in terminal.getvalue()


def test_an_epoch_says_where_it_stands(
    make_dataset: Callable[..., Dataset],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    model = build("resnet18", 4, width=1 / 16, image_size=8)
    fit(model, make_dataset(), Recipe(2, batch_size=10), seed=0)
    printed = capsys.readouterr().out
    assert "epoch 1 of 2, batches: 3 of 4\n" in printed
    assert "epoch 2 of 2, batches: 3 of 4\n" in printed
