"""Specs of data sets, and of the check that comes before trainings on them."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipeline.cache.spec import Spec
from pipeline.registry import DATASETS, MODELS, PRUNERS, TEST_SETS

# Options of a registry entry that differ from its defaults: sorted (name, value) pairs.
Options = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Data(Spec):
    """A data set, read once and stored as uint8 tensors, or as a list of its files.

    `label` names the folder under ``artifacts/`` and tells apart data sets that share a reader.
    `access` says how to come by the images (path, download, decoder): it makes no other data set.
    `test_version` rises where files of the test set alone are replaced: networks are still trained
    with the first test version, and only predictions are made anew.

    `validation` is the share of the training images that is held out, drawn by `seed`.

    Another test set for the networks of a data set is a `Data` too, `of` that one. `role` says what
    its images are: ``shift``, that data set's own test images in another form, made by the entry
    `dataset` of the test sets' registry; ``ood``, the test images of another data set; or
    ``validation``, what is held out of the training.
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
    validation: float = 0.0
    seed: int = 0
    of: "Data | None" = None
    role: str = ""

    @property
    def place(self) -> str:
        """The data set's label; of another test set, below that of its data set."""
        own = self.label or self.dataset
        return f"{self.of.place}/{own}" if self.of else own

    @property
    def source(self) -> "Data":
        """The data set whose folder the images are read from: itself, unless they are made."""
        is_made = self.of and self.role == "shift" and "path" not in dict(self.access)
        return self.of if self.of and is_made else self

    def units(self) -> list[str]:
        """The stage, and what reads the data set or makes the test set."""
        registry = TEST_SETS if self.role == "shift" else DATASETS
        return [*super().units(), registry.unit(self.dataset)]

    def traits(self) -> tuple[Any, ...]:
        """The reader and its options; of a test set, also its data set's."""
        return self.dataset, self.options, *(self.of.traits() if self.of else ())


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

    @property
    def place(self) -> str:
        """The words that all networks of the architecture share, and ``cuts``."""
        return f"{self.data.place}/{self.architecture}/cuts"

    def units(self) -> list[str]:
        """The stage, the architecture and the pruners."""
        pruners = dict.fromkeys(PRUNERS.unit(name) for name, _ in self.pruners)
        return [*super().units(), MODELS.unit(self.architecture), *pruners]
