"""Specs of data sets, and of the check that comes before trainings on them."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipeline.cache.spec import Spec
from pipeline.registry import DATASETS, MODELS, PRUNERS

# Options of a registry entry that differ from its defaults: sorted (name, value) pairs.
Options = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Data(Spec):
    """A data set, read once and stored as uint8 tensors, or as a list of its files.

    `label` names the folder under ``artifacts/`` and tells apart data sets that share a reader.
    `access` says how to come by the images (path, download, decoder): it makes no other data set.
    `test_version` rises where files of the test set alone are replaced: networks are still trained
    with the first test version, and only predictions are made anew.
    """

    stage: ClassVar[str] = "data"
    payload: ClassVar[tuple[str, ...]] = ("images.safetensors",)
    reads_files: ClassVar[bool] = True
    dataset: str
    label: str = ""
    version: int = 1
    options: Options = ()
    access: Options = field(default=(), metadata={"identity": False})
    test_version: int = 1

    @property
    def place(self) -> str:
        """The data set's label."""
        return self.label or self.dataset

    def units(self) -> list[str]:
        """The stage and the data set's reader."""
        return [*super().units(), DATASETS.unit(self.dataset)]

    def traits(self) -> tuple[Any, ...]:
        """The reader and its options."""
        return self.dataset, self.options


@dataclass(frozen=True)
class Check(Spec):
    """Whether an architecture can be cut by a study's pruners, before anything is trained.

    Trainings wait for it, but it is in no spec of theirs: another pruner repeats none.
    """

    stage: ClassVar[str] = "check"
    payload: ClassVar[tuple[str, ...]] = ("check.json",)
    data: Data
    architecture: str
    options: Options = ()
    dropout: float = 0.0  # of the network for MC dropout, if there is one
    pruners: tuple[tuple[str, Options], ...] = ()
    sparsity: float = 0.0  # the highest
    sparsities: tuple[float, ...] = ()  # the highest of each pruner, where they differ

    @property
    def place(self) -> str:
        """The words that all networks of the architecture share, and ``cuts``."""
        return f"{self.data.place}/{self.architecture}/cuts"

    def units(self) -> list[str]:
        """The stage, the architecture and the pruners."""
        pruners = dict.fromkeys(
            unit for name, options in self.pruners for unit in PRUNERS.units(name, dict(options))
        )
        return [*super().units(), MODELS.unit(self.architecture), *pruners]
