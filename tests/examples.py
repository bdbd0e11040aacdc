"""The examples of docs/extending.md and docs/networks.md, for the tests that run them."""

import re
from pathlib import Path
from typing import Any

import yaml

TEXT = (Path(__file__).parents[1] / "docs" / "extending.md").read_text()


def under(heading: str) -> list[str]:
    """The Python examples under a heading, in their order."""
    _, _, rest = TEXT.partition(f"\n## {heading}\n")
    section = rest.partition("\n## ")[0]
    found = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert found, heading
    return found


def studies_of_networks() -> list[dict[str, Any]]:
    """The studies in docs/networks.md, in their order."""
    text = (Path(__file__).parents[1] / "docs" / "networks.md").read_text()
    found = [yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    assert len(found) == 2
    return found
