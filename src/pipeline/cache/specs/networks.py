"""Specs of networks: trained, pruned, fine-tuned."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipeline.cache.recipe import Recipe
from pipeline.cache.spec import Spec
from pipeline.cache.specs.data import Data, Options
from pipeline.registry import MODELS, PRUNERS


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
    at `init_path`, or without a path one of torchvision's names. `replicate` counts independent
    repetitions of a study's networks.
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
    replicate: int = 0

    @property
    def kind(self) -> str:
        """``dropout`` for the network of MC dropout, ``plain`` for a member of the ensemble."""
        return "dropout" if self.dropout else "plain"

    @property
    def family(self) -> str:
        """The words that a network shares with those that it is scored together with."""
        again = f"/r{self.replicate}" if self.replicate else ""
        return f"{self.data.place}/{self.architecture}{again}"

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
        return [*super().units(), *PRUNERS.units(self.pruner, dict(self.options)), *parts]

    def traits(self) -> tuple[Any, ...]:
        """The network's, and the pruner's options."""
        return *self.network_traits(), self.options


@dataclass(frozen=True)
class Finetune(Network):
    """A pruned network, trained further."""

    stage: ClassVar[str] = "finetune"
    model: Prune
    recipe: Recipe
