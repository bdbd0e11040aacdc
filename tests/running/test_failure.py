"""Which failures are for good, and which groups of jobs are hopeless."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.errors import Interrupted, PipelineError
from pipeline.running import failure
from pipeline.running.snakemake_internals import _is_hopeless


@pytest.mark.parametrize(
    ("error", "for_good"),
    [
        (PipelineError("two classes are needed"), True),
        (TypeError("a float"), True),
        (RuntimeError("shapes differ"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (OSError(28, "No space left on device"), False),
        (Interrupted("stopped"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_failures_for_good(tmp_path: Path, error: BaseException, for_good: bool) -> None:
    with pytest.raises(type(error)), failure.noted(tmp_path):
        raise error
    assert failure.forget(tmp_path) == for_good
    assert not failure.forget(tmp_path)


def test_a_new_try_forgets_the_last_one(tmp_path: Path) -> None:
    (tmp_path / failure.MARK).touch()
    with failure.noted(tmp_path):
        assert not failure.forget(tmp_path)
    assert not failure.forget(tmp_path / "none")


def jobs(folder: Path, failed: str, done: str = "") -> list[SimpleNamespace]:
    """prune → finetune → infer, and a job apart; some failed for good, some done."""
    found = []
    for name, parent in (
        ("prune", ""),
        ("finetune", "prune"),
        ("infer", "finetune"),
        ("other", ""),
    ):
        output = folder / name / "payload"
        output.parent.mkdir(exist_ok=True)
        if name in failed.split():
            (output.parent / failure.MARK).touch()
        if name in done.split():
            output.touch()
        inputs = [str(folder / parent / "payload")] if parent else []
        found.append(SimpleNamespace(output=[str(output)], input=inputs))
    return found


@pytest.mark.parametrize(
    ("failed", "done", "hopeless"),
    [
        ("", "", False),
        ("prune", "", False),  # the other one was stopped
        ("prune", "other", True),
        ("prune other", "", True),
        ("finetune", "prune other", True),
        ("finetune", "prune", False),
        ("infer other", "prune", False),
    ],
)
def test_a_group_is_hopeless_if_nothing_of_it_can_be_made(
    tmp_path: Path, failed: str, done: str, hopeless: bool
) -> None:
    group = jobs(tmp_path, failed, done)
    assert _is_hopeless(group) == hopeless
    assert not list(tmp_path.rglob(failure.MARK))
