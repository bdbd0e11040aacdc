"""Specs of predictions and of their scores."""

from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.cache.spec import Spec
from pipeline.cache.specs.data import Data, Options
from pipeline.cache.specs.networks import Network
from pipeline.registry import UNCERTAINTIES


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

    @property
    def place(self) -> str:
        """The network's words, and the test set where that is another one."""
        return f"{self.model.place}{_test_set(self)}"

    def reads(self) -> list[Spec]:
        """The network, and the data set with the test images."""
        return [self.model, self.images]

    def looks_at(self) -> tuple[Spec, str]:
        """The test images."""
        return self.images.source, "test"

    def traits(self) -> tuple[Any, ...]:
        """The network's, and the passes; and how another test set is made."""
        made = self.images.traits() if self.images.of else ()
        return *self.model.network_traits(), self.samples, *made


@dataclass(frozen=True)
class Score(Spec):
    """Uncertainty and its metrics, from the predictions of one model or of an ensemble.

    `clean` are the same networks' predictions of the data set's own test images, where
    `predictions` are those of a shifted or an out-of-distribution test set.
    """

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
    clean: tuple[Infer, ...] = ()

    @property
    def place(self) -> str:
        """The networks' words, with the uncertainty method for the one that it was trained as.

        The name of another test set comes last.
        """
        model = self.predictions[0].model
        train = model.trained
        member = f"-{train.member}" if train.member else ""
        pruned = model.place.removeprefix(train.place)
        test_set = _test_set(self.predictions[0])
        return f"{train.family}/{self.uncertainty}{member}{pruned}{test_set}"

    def units(self) -> list[str]:
        """The stage and the uncertainty method."""
        return [*super().units(), UNCERTAINTIES.unit(self.uncertainty)]

    def traits(self) -> tuple[Any, ...]:
        """The method, the number of networks, and what these are."""
        network = self.predictions[0].model
        return self.uncertainty, len(self.predictions), *network.network_traits()


def _test_set(spec: Infer) -> str:
    """The folder of another test set than the data set's own, after a slash."""
    return f"/{spec.images.label}" if spec.images.of else ""
