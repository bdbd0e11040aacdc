"""Specs: what each stage makes, and from what.

A spec is a frozen dataclass that holds everything that determines a stage's output; its parents
are specs too, so one spec is the complete recipe of an artifact:

    >>> train = Train(Data("digits"), "resnet18", recipe=Recipe(epochs=8))
    >>> infer = Infer(Prune(train, "l1", sparsity=0.4))
    >>> infer.fingerprint
    '81c0d9e4'

A class here is all that the plan, the commands and the figures know of a stage: its files, what it
reads, its words in a place, whether a GPU helps, and which of its jobs take alike long. Beside it,
a stage has a module in `pipeline.stages`, a rule, and a line in the SLURM profile.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipeline.cache.recipe import Recipe
from pipeline.cache.spec import STAGES, Spec, from_json
from pipeline.registry import DATASETS, MODELS, PRUNERS, UNCERTAINTIES

__all__ = [
    "STAGES", "Check", "Data", "Finetune", "Infer", "Network", "Options", "Prune", "Recipe",
    "Score", "Spec", "Train", "from_json",
]  # fmt: skip

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

    @property
    def place(self) -> str:
        """The words that all networks of the architecture share, and ``cuts``."""
        return f"{self.data.place}/{self.architecture}/cuts"

    def units(self) -> list[str]:
        """The stage, the architecture and the pruners."""
        pruners = dict.fromkeys(PRUNERS.unit(name) for name, _ in self.pruners)
        return [*super().units(), MODELS.unit(self.architecture), *pruners]


@dataclass(frozen=True)
class Network(Spec):
    """What the stages share that hand on a network, made from another network or trained."""

    payload: ClassVar[tuple[str, ...]] = ("model.safetensors",)
    uses_gpu: ClassVar[bool] = True

    @property
    def trained(self) -> "Train":
        """The trained network that this one comes from."""
        return self.origin.trained

    @property
    def pruning(self) -> tuple[str, float]:
        """The pruner and the sparsity of the network; ``none`` and 0 before it is pruned."""
        return self.origin.pruning

    @property
    def origin(self) -> "Network":
        """The network that this one is made from."""
        return next(parent for parent in self.parents() if isinstance(parent, Network))

    def reads(self) -> list[Spec]:
        """The parents, and the data set, whose images are looked at."""
        return [*self.parents(), self.trained.data]

    def looks_at(self) -> tuple[Spec, str]:
        """The images that the network was trained with."""
        return self.trained.data, "train"

    def traits(self) -> tuple[Any, ...]:
        """The network's own."""
        return self.network_traits()

    def network_traits(self) -> tuple[Any, ...]:
        """What the time that a network takes depends on."""
        train, (pruner, sparsity) = self.trained, self.pruning
        data = train.data
        return (
            train.architecture, pruner, data.dataset, data.options, train.options,
            train.dropout > 0, sparsity,
        )  # fmt: skip


@dataclass(frozen=True)
class Train(Network):
    """One trained network: a plain ensemble member, or the one with dropout.

    `init` names the weights that it gets instead of a training: the SHA-256 of the file that lies
    at `init_path`, or without a path one of torchvision's names.
    """

    stage: ClassVar[str] = "train"
    data: Data
    architecture: str
    recipe: Recipe
    options: Options = ()
    dropout: float = 0.0
    member: int = 0
    seed: int = 0
    init: str | None = None
    init_path: str | None = field(default=None, metadata={"identity": False})

    @property
    def kind(self) -> str:
        """``dropout`` for the network of MC dropout, ``plain`` for a member of the ensemble."""
        return "dropout" if self.dropout else "plain"

    @property
    def family(self) -> str:
        """The words that a network shares with those that it is scored together with."""
        return f"{self.data.place}/{self.architecture}"

    @property
    def place(self) -> str:
        """Its family, and which network it is there."""
        return f"{self.family}/{self.kind}-{self.member}"

    @property
    def trained(self) -> "Train":
        """The network itself."""
        return self

    @property
    def pruning(self) -> tuple[str, float]:
        """It is not pruned."""
        return "none", 0.0

    def units(self) -> list[str]:
        """The stage and the architecture."""
        return [*super().units(), MODELS.unit(self.architecture)]

    def reads(self) -> list[Spec]:
        """The data set."""
        return self.parents()


@dataclass(frozen=True)
class Prune(Network):
    """A trained network with channels removed; `recipe` where the pruner trains while it prunes."""

    stage: ClassVar[str] = "prune"
    payload: ClassVar[tuple[str, ...]] = ("model.safetensors", "report.json")
    model: Train
    pruner: str
    sparsity: float
    options: Options = ()
    seed: int = 0
    recipe: Recipe | None = None

    @property
    def place(self) -> str:
        """The trained network's words, and how it is pruned."""
        return f"{self.model.place}/{self.pruner}-{self.sparsity:g}"

    @property
    def pruning(self) -> tuple[str, float]:
        """This pruner and this sparsity."""
        return self.pruner, self.sparsity

    def units(self) -> list[str]:
        """The stage, the pruner, and parts of pruning that came later than other specs."""
        parts = ["cutting.global_scope"] if ("scope", "global") in self.options else []
        if self.pruner == "hrank" and self.model.architecture in MODELS.plugins:
            parts.append("cutting.feature_maps")  # of others, maps are what they were
        return [*super().units(), PRUNERS.unit(self.pruner), *parts]

    def traits(self) -> tuple[Any, ...]:
        """The network's, and the pruner's options."""
        return *self.network_traits(), self.options


@dataclass(frozen=True)
class Finetune(Network):
    """A pruned network, trained further."""

    stage: ClassVar[str] = "finetune"
    model: Prune
    recipe: Recipe


@dataclass(frozen=True)
class Infer(Spec):
    """The test set's logits; with more than one sample, dropout stays active.

    `data` holds the test set, where that is not the one of the data set trained with.
    """

    stage: ClassVar[str] = "infer"
    payload: ClassVar[tuple[str, ...]] = ("predictions.safetensors",)
    uses_gpu: ClassVar[bool] = True
    model: Network
    samples: int = 1
    seed: int = 0
    precision: str = "float32"
    data: Data | None = None

    @property
    def images(self) -> Data:
        """The data set with the test images."""
        return self.data or self.model.trained.data

    def reads(self) -> list[Spec]:
        """The network, and the data set with the test images."""
        return [self.model, self.images]

    def looks_at(self) -> tuple[Spec, str]:
        """The test images."""
        return self.images, "test"

    def traits(self) -> tuple[Any, ...]:
        """The network's, and the passes."""
        return *self.model.network_traits(), self.samples


@dataclass(frozen=True)
class Score(Spec):
    """Uncertainty and its metrics, from the predictions of one model or of an ensemble."""

    stage: ClassVar[str] = "score"
    payload: ClassVar[tuple[str, ...]] = ("scores.json", "curves.npz")
    when_frozen: ClassVar[bool] = True
    predictions: tuple[Infer, ...]
    uncertainty: str
    options: Options = ()
    bins: tuple[int, ...] = (15, 10)
    steps: int = 50
    ties: str = "inclusive"
    bootstrap: int = 1000
    seed: int = 0

    @property
    def place(self) -> str:
        """The networks' words, with the uncertainty method for the one that it was trained as."""
        model = self.predictions[0].model
        train = model.trained
        member = f"-{train.member}" if train.member else ""
        pruned = model.place.removeprefix(train.place)
        return f"{train.family}/{self.uncertainty}{member}{pruned}"

    def units(self) -> list[str]:
        """The stage and the uncertainty method."""
        return [*super().units(), UNCERTAINTIES.unit(self.uncertainty)]

    def traits(self) -> tuple[Any, ...]:
        """The method, the number of networks, and what these are."""
        network = self.predictions[0].model
        return self.uncertainty, len(self.predictions), *network.network_traits()
