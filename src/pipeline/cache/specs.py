"""Specs: what each stage makes, and from what.

A spec is a frozen dataclass that holds everything that determines a stage's output; its parents
are specs too, so one spec is the complete recipe of an artifact:

    >>> train = Train(Data("digits"), "resnet18", recipe=Recipe(epochs=8))
    >>> infer = Infer(Prune(train, "l1", sparsity=0.4))
    >>> infer.fingerprint
    '81c0d9e4'

The fingerprint is a short hash of the fields that differ from their defaults, the identity of the
code that computes the stage, and the parents' fingerprints. A new field with a default therefore
keeps every fingerprint, and a default must never change once released.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar

from pipeline.cache import code_identity
from pipeline.registry import DATASETS, MODELS, PRUNERS, UNCERTAINTIES

# Options of a registry entry that differ from its defaults: sorted (name, value) pairs.
Options = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are the CIFAR recipe of kuangliu/pytorch-cifar.

    Attributes:
        epochs: Passes over the training set.
        batch_size: Images a step.
        lr: The highest learning rate of SGD.
        momentum: SGD's momentum.
        weight_decay: L2 penalty on all parameters.
        schedule: ``cosine`` (to 0, a value an epoch), ``cosine_iteration`` (a value an iteration)
            or ``step`` (a tenth every `step_epochs`).
        step_epochs: The period of ``step``.
        warmup_epochs: Epochs over which the learning rate rises linearly, before the schedule.
        drop_last: Leave out the last batch of an epoch when it is short.
        augment: Random crops and flips, as the data set says.
        decay_normalisation: Whether weight decay reaches BatchNorm's parameters and the biases.
        bias_lr: Factor on the learning rate of the biases.
        gamma_l1: Weight of an L1 penalty on the scales of the batch norms, which prepares a network
            for pruning by them (Liu et al., Network Slimming, ICCV 2017).
        precision: ``float32``, ``bfloat16`` (for convolutions and products; weights stay float32),
            or ``auto``: bfloat16 on GPUs that are made for it. Convolutions in float32 are TF32 on
            GPUs that have it, torch's default.
    """

    epochs: int
    batch_size: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "cosine"
    step_epochs: int = 30
    warmup_epochs: float = 0.0
    drop_last: bool = False
    augment: bool = True
    decay_normalisation: bool = True
    bias_lr: float = 1.0
    gamma_l1: float = 0.0
    precision: str = "auto"


class Spec:
    """What the stages' specs share: parents, units of code, fingerprint, JSON."""

    stage: ClassVar[str]

    def units(self) -> list[str]:
        """The units of code that compute this stage, its parents' apart."""
        return [f"stages.{self.stage}"]

    def parents(self) -> list["AnySpec"]:
        """The specs of the artifacts that this stage reads."""
        return list(self._parents())

    def _parents(self) -> Iterator["AnySpec"]:
        for each in fields(self):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            yield from (part for part in _parts(value) if isinstance(part, Spec))  # type: ignore[misc]

    @cached_property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that stand for everything the output is made from."""
        content = {
            "stage": self.stage,
            "fields": _identity_fields(self),
            "code": {unit: code_identity.identity(unit) for unit in self.units()},
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def to_json(self) -> dict[str, Any]:
        """The complete spec as JSON-able data; :func:`from_json` is the inverse."""
        return {"stage": self.stage} | {
            each.name: _plain(getattr(self, each.name))
            for each in fields(self)  # type: ignore[arg-type]
            if getattr(self, each.name) != _default(each)
        }


@dataclass(frozen=True)
class Data(Spec):
    """A data set, read once and stored as uint8 tensors, or as a list of its files.

    `label` names the folder under ``artifacts/`` and tells apart data sets that share a reader.
    `access` says how to come by the images (path, download, decoder): it makes no other data set.
    """

    stage: ClassVar[str] = "data"
    dataset: str
    label: str = ""
    version: int = 1
    options: Options = ()
    access: Options = field(default=(), metadata={"identity": False})

    def units(self) -> list[str]:
        """The stage and the data set's reader."""
        return [*super().units(), DATASETS.unit(self.dataset)]


@dataclass(frozen=True)
class Train(Spec):
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

    def units(self) -> list[str]:
        """The stage and the architecture."""
        return [*super().units(), MODELS.unit(self.architecture)]


@dataclass(frozen=True)
class Prune(Spec):
    """A trained network with channels removed; `recipe` where the pruner trains while it prunes."""

    stage: ClassVar[str] = "prune"
    model: Train
    pruner: str
    sparsity: float
    options: Options = ()
    seed: int = 0
    recipe: Recipe | None = None

    def units(self) -> list[str]:
        """The stage, the pruner, and what compares scores across layers where that is done."""
        # A unit of its own, since it came later than the specs without it.
        scope = ["cutting.global_scope"] if ("scope", "global") in self.options else []
        return [*super().units(), PRUNERS.unit(self.pruner), *scope]


@dataclass(frozen=True)
class Finetune(Spec):
    """A pruned network, trained further."""

    stage: ClassVar[str] = "finetune"
    model: Prune
    recipe: Recipe


@dataclass(frozen=True)
class Infer(Spec):
    """The test set's logits; with more than one sample, dropout stays active."""

    stage: ClassVar[str] = "infer"
    model: Train | Prune | Finetune
    samples: int = 1
    seed: int = 0
    precision: str = "float32"


@dataclass(frozen=True)
class Score(Spec):
    """Uncertainty and its metrics, from the predictions of one model or of an ensemble."""

    stage: ClassVar[str] = "score"
    predictions: tuple[Infer, ...]
    uncertainty: str
    options: Options = ()
    bins: tuple[int, ...] = (15, 10)
    steps: int = 50
    ties: str = "inclusive"
    bootstrap: int = 1000
    seed: int = 0

    def units(self) -> list[str]:
        """The stage and the uncertainty method."""
        return [*super().units(), UNCERTAINTIES.unit(self.uncertainty)]


AnySpec = Data | Train | Prune | Finetune | Infer | Score
STAGES: dict[str, type[AnySpec]] = {
    spec.stage: spec for spec in (Data, Train, Prune, Finetune, Infer, Score)
}


def from_json(content: dict[str, Any]) -> AnySpec:
    """The spec that :meth:`Spec.to_json` wrote."""
    spec = STAGES[content["stage"]]
    return spec(
        **{name: _revived(name, value) for name, value in content.items() if name != "stage"}
    )


def _revived(name: str, value: Any) -> Any:
    if name == "recipe":
        return Recipe(**value)
    if isinstance(value, dict):
        return from_json(value)
    if isinstance(value, list):
        return tuple(_revived("", item) for item in value)
    return value


def _default(each: "Field[Any]") -> Any:
    return each.default if each.default is not MISSING else object()


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_json()
    if isinstance(value, Recipe):
        return _recipe_fields(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _recipe_fields(recipe: Recipe) -> dict[str, Any]:
    return {
        each.name: getattr(recipe, each.name)
        for each in fields(recipe)
        if getattr(recipe, each.name) != _default(each)
    }


def _identity_fields(spec: Spec) -> dict[str, Any]:
    return {
        each.name: _identity(getattr(spec, each.name))
        for each in fields(spec)  # type: ignore[arg-type]
        if each.metadata.get("identity", True) and getattr(spec, each.name) != _default(each)
    }


def _identity(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.fingerprint
    if isinstance(value, Recipe):
        return _recipe_fields(value)
    return [_identity(item) for item in value] if isinstance(value, tuple) else value
