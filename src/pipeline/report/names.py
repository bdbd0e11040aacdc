"""What tables and figures call things.

Each name stands where its thing is defined: a registry entry's ``LABEL``, the catalogue of metrics,
the definitions of uncertainty. Here is only what is defined nowhere else.
"""

from pipeline.metrics import catalogue
from pipeline.registry import DATASETS, MODELS, PRUNERS, UNCERTAINTIES
from pipeline.uncertainty import DEFINITIONS

# The pruner of networks that are not pruned.
UNPRUNED = "none"

REGISTRIES = {
    "dataset": DATASETS,
    "architecture": MODELS,
    "pruner": PRUNERS,
    "uncertainty": UNCERTAINTIES,
    "test_set": DATASETS,
}
OTHERS = {"pruner": {UNPRUNED: "Unpruned"}, "dataset": {"imagenette": "Imagenette"}}


def display(name: str, column: str) -> str:
    """The name that tables and figures print; one that is not known stands for itself.

    Args:
        name: a value of the column.
        column: an axis of the grid, ``metric`` or ``definition``.
    """
    if column == "metric":
        return catalogue.label(name)
    if column == "definition":
        return DEFINITIONS.get(name, name)
    other = OTHERS.get(column, {}).get(name)
    return other or (REGISTRIES[column].label(name) if column in REGISTRIES else name)
