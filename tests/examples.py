"""The examples of docs/extending.md, for the tests that run them."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[1] / "docs" / "extending.md").read_text()


def under(heading: str) -> list[str]:
    """The Python examples under a heading, in their order."""
    _, _, rest = TEXT.partition(f"\n## {heading}\n")
    section = rest.partition("\n## ")[0]
    found = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert found, heading
    return found
