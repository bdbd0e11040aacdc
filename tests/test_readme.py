"""The README names files that are there, and its example does what it says."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_named_files_exist() -> None:
    named = set(re.findall(r"`((?:docs|results|src|workflow|studies|profiles)/[\w./-]+)`", README))
    named |= set(re.findall(r"!\[[^]]*\]\(([^)]+)\)", README))
    assert len(named) > 8
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_library_does_what_the_example_says() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == example.rpartition("# ")[2].strip()
