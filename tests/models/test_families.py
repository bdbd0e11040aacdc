"""Every family of torchvision is pruned rightly, or refused in one line."""

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NETWORKS = runpy.run_path(str(DOCS / "networks.py"))
CONVOLUTIONAL = NETWORKS["FAMILIES"].keys() - {"swin", "vit"}


def documented() -> dict[str, dict[str, str]]:
    """What the documentation says: for each family and pruner why not; empty if it is pruned."""
    text = (DOCS / "networks.md").read_text(encoding="utf-8")
    table, _, remarks = text.partition("Why not:")
    head, _, *rows = [
        [cell.strip() for cell in line.strip("| \n").split("|")]
        for line in table.partition(NETWORKS["BEGIN"])[2].splitlines()
        if line.startswith("|")
    ]
    reasons = {"pruned": ""} | {
        f"refused [{number}]": reason
        for number, reason in re.findall(r"^(\d+)\. (.*)$", remarks, flags=re.M)
    }
    return {
        row[0]: {name: reasons[cell] for name, cell in zip(head[3:], row[3:], strict=True)}
        for row in rows
    }


def test_the_data_free_criteria_prune_16_of_17_convolutional_families() -> None:
    said = documented()
    assert said.keys() == NETWORKS["FAMILIES"].keys()
    assert len(CONVOLUTIONAL) == 17
    for pruner in ("random", "l1", "fpgm", "lamp"):
        refused = {family for family in CONVOLUTIONAL if said[family][pruner]}
        assert refused == {"shufflenet"}
    for family in ("swin", "vit"):
        assert all(each.endswith("cannot be pruned by channels") for each in said[family].values())


@pytest.mark.slow
@pytest.mark.parametrize("family", NETWORKS["FAMILIES"])
def test_the_table_is_what_is_found(family: str) -> None:
    assert NETWORKS["verdicts"](*NETWORKS["FAMILIES"][family]) == documented()[family]
