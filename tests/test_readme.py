"""The README names files that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_named_files_exist() -> None:
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`((?:docs|results|src|workflow|studies|profiles)/[\w./-]+)`", text))
    named |= set(re.findall(r"!\[[^]]*\]\(([^)]+)\)", text))
    assert len(named) > 8
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
