"""Code identity: what counts as an edit, how far it reaches, and the recorded digests."""

import ast
from pathlib import Path

import pytest

from pipeline.cache import code_identity
from pipeline.cache.code_identity import (
    _tokens,
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


# What one version of Python may put into a syntax tree otherwise than another.
DELICATE = r'''
"""A module."""
from __future__ import annotations
from . import sibling

def formats(a, b, /, c=1, *, d: "text" = None, **e):
    f""; f"{a}"; f"{a}{b}"; f"x{a}y"; f"{{{a}}}"; f"{a!r}{b!s}{c!a}"; f"{a=}"; f"{a = !s:>{b}}"
    f"{a:>{b}}"; f"{a:{b}}"; f"{a:{b}{c}}"; f"{a:{b}.{c}f}"; f"{a:x{b}y}"; f"{a:%Y-%m}"; f"{a:}"
    f"{f'{b:>{c}}':{d}}"; f"{a:{{}}}"; f"""{
        a
    :>{b}}"""
    "one" "two"; "one" f"{a}" "two"; f"one" "two"; f"{a}" f"{b:>{c}}" "" f""; u"old"; b"x" b"y"
    f"a\\n{a}\\t"; rf"\d{a}\w{b}"; "\N{BULLET}" f"\N{BULLET}{a}"; "é−÷"; f"é{a}−"
    f"{a if b else c}{[i for i in d]}{(lambda: a)()}{ {'k': 1}['k'] }{a,}{*b, c}"

class Thing: pass

class Other(Thing, metaclass=type):
    x: int
    y, z = 1, -1

@decorated
@with_arguments(1, key=2)
async def numbers():
    0x_ff; 1_000; 1e400; -0.0; 1e-400; 3j; 10**20; 99999999999999999999; True; None; ...
    async for i in a: await b
    else: pass
    [x async for x in y if x]; {**a, "b": 1}; {*a}; {i: j for i, j in k}; (i for i in j)
    if (n := 10) > 5: pass
    elif n: del n, a.b, a[1:2, ..., ::3]
    a = b = c; a += 1; a @= b; a: int = 1; (a): int
    x[*y]; x[a, *b]; call(*a, **b, c=d); not a; ~a; a if b else c; a < b <= c is not d not in e
    return (yield from a)

def statements():
    global a
    def inner(*args: *Types): nonlocal_ = 1; assert nonlocal_, "text"
    match a:
        case 1 | -2 | 1+2j | "a" "b" | None | True: pass
        case [a, *_, b] | (a, b): pass
        case {"x": x, **rest} if x: pass
        case Thing(1, y=2) as whole: pass
        case a.b: pass
    with (a as b, c): pass
    with a as (b, c): pass
    while a: break
    else: continue_ = 1
    try: pass
    except (A, B) as error: raise
    except C: raise D from None
    else: pass
    finally: pass
    try: pass
    except* E as group: raise X(group)
    import a.b as c, d
'''


def token_digest(source: str) -> str:
    import hashlib

    return hashlib.sha256("\0".join(_tokens(ast.parse(source))).encode()).hexdigest()[:8]


def test_digest_is_frozen_across_python_versions() -> None:
    assert token_digest(STABLE) == "359fb262"
    assert token_digest(DELICATE) == "7a94db2f"


def test_an_empty_part_of_an_f_string_is_nothing() -> None:
    # As Python 3.12 parses it, whatever parses it here.
    tree = ast.parse('f"{i:>{w}}"')
    found = list(_tokens(tree))
    (text,) = [node.format_spec for node in ast.walk(tree) if isinstance(node, ast.FormattedValue)
               and node.format_spec]  # fmt: skip
    text.values = [ast.Constant(""), *text.values, ast.Constant("")]
    assert list(_tokens(tree)) == found


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
