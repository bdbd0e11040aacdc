"""Code identity: what counts as an edit, how far it reaches, and the recorded digests."""

import ast
from pathlib import Path

import pytest

from pipeline.cache import code_identity
from pipeline.cache.code_identity import (
    _walk,
    digest,
    edited,
    find,
    identity,
    reached,
    record,
    recorded,
)

STABLE = '''
"""A module."""
import math
from a import b as c

class Thing(Base, key=1):
    """A class."""
    x: int = 3

    async def run(self, *args, flag=True, **more) -> None:
        """A method."""
        async with self.lock as lock, other:
            return [f"{i!r:>{width}}" for i in range(10) if i % 2 and not i < 3]

def function(a, /, b, *, c=None):
    """A function."""
    match a:
        case {"k": [1, *rest]} if b: x = lambda y: y ** 2
        case _: raise ValueError(b"\\x00", 1e-9, 2j, ...) from None
    try: pass
    except* OSError: del a[1:2]
    return (yield)
'''


def token_digest(source: str) -> str:
    import hashlib

    return hashlib.sha256("\0".join(_walk(ast.parse(source))).encode()).hexdigest()[:8]


def test_digest_is_frozen_across_python_versions() -> None:
    assert token_digest(STABLE) == "359fb262"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""Another text."""'),
        ('        """A method."""\n', ""),
        ("import math", "import math  # a comment"),
        ("flag=True", "flag = True"),
    ],
)
def test_what_cannot_change_a_number_is_no_edit(old: str, new: str) -> None:
    assert old in STABLE
    assert token_digest(STABLE.replace(old, new)) == token_digest(STABLE)


@pytest.mark.parametrize(
    ("old", "new"),
    [("1e-9", "1e-8"), ("flag=True", "flag=False"), ("i < 3", "i <= 3"), ("y ** 2", "2 ** y"),
     ("b, *, c", "b, c")],
)  # fmt: skip
def test_what_can_change_a_number_is_an_edit(old: str, new: str) -> None:
    assert old in STABLE
    assert token_digest(STABLE.replace(old, new)) != token_digest(STABLE)


def names(unit: str) -> set[str]:
    package = code_identity.PACKAGE
    return {str(file.relative_to(package).with_suffix("")) for file in reached(find(unit).file)}


def test_a_pruner_reaches_no_other_pruner() -> None:
    assert "pruning/l1" in names("pruning.l1")
    assert not names("pruning.l1") & {"pruning/hrank", "pruning/random", "pruning/resrep"}


def test_a_stage_reaches_what_computes_and_nothing_else() -> None:
    train = names("stages.train")
    assert {"engine/training", "datasets/__init__", "models/__init__"} <= train
    assert not train & {
        "running/job",
        "cache/paths",
        "cache/payloads",
        "study/__init__",
        "progress",
    }
    assert not train & {"metrics/__init__", "report/results", "models/resnet18", "datasets/digits"}
    assert {"metrics/__init__", "uncertainty/__init__"} <= names("stages.score")
    assert not names("stages.score") & {"engine/training", "report/results"}


def test_every_unit_is_recorded() -> None:
    # After an edit: `python -m pipeline code` says what to do.
    assert edited() == []


def test_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "code.lock"
    monkeypatch.setattr(code_identity, "LOCK", lock)
    unit, first = "pruning.l1", digest("pruning.l1")
    assert identity(unit) == first
    assert record(unit, same=False) == first
    now = ["feedbeef"]
    monkeypatch.setattr(code_identity, "digest", lambda unit: now[0])
    assert identity(unit) == "feedbeef"
    assert record(unit, same=True) == first
    assert identity(unit) == first
    now[0] = "0badcafe"
    assert record(unit, same=False) == "0badcafe"
    now[0] = first
    assert identity(unit) == first
    assert recorded(lock)[unit] == {first: first, "feedbeef": first, "0badcafe": "0badcafe"}
