"""Figures and tables are found like registry entries: one file each, in the folder of their kind.

The ``__init__`` of such a folder names in ``FINDS`` the function that makes a module of the folder
an entry. It takes a `View` and yields figures with their names, or tables. Besides it an entry has

- ``EACH``: what it is made for each of: "study", "dataset" or "network", an architecture on a data
  set;
- ``ORDER``: a number; smaller ones come first on the page;
- ``CAPTION``, of a figure: what it shows and what to look for, in a sentence or two of Markdown.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from pipeline.errors import PipelineError
from pipeline.report.view import View

EACH = ("study", "dataset", "network")


def entries(folder: ModuleType) -> list[ModuleType]:
    """The modules of a folder that define its function, in the order of the page.

    Raises:
        PipelineError: an entry does not say where it belongs.
    """
    names = [f"{folder.__name__}.{each.name}" for each in pkgutil.iter_modules(folder.__path__)]
    found = [each for each in map(importlib.import_module, names) if hasattr(each, folder.FINDS)]
    for entry in found:
        if getattr(entry, "EACH", None) not in EACH or not hasattr(entry, "ORDER"):
            raise PipelineError(
                f"{entry.__file__}: needs an ORDER, and EACH as one of {', '.join(EACH)}"
            )
    return sorted(found, key=lambda entry: (entry.ORDER, entry.__name__))


def made(folder: ModuleType, study: View) -> Iterator[tuple[ModuleType, View, Any]]:
    """What the entries of a folder make of a study, each after its entry and the view it is of."""
    found = entries(folder)
    views = {"study": [study], "dataset": study.datasets, "network": study.networks}
    for each, parts in views.items():
        for view in parts:
            for entry in found:
                if each == entry.EACH:
                    for item in getattr(entry, folder.FINDS)(view):
                        yield entry, view, item
