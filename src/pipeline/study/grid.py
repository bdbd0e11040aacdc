"""The grid: a study's settings, its combinations, and the spec of each one's score."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from pipeline.cache import specs
from pipeline.registry import UNCERTAINTIES, use_plugins
from pipeline.study import checks, entries, reading, recipes
from pipeline.study.pruners import Pruner, pruners

T = TypeVar("T", bound=specs.Spec)


@dataclass(frozen=True, kw_only=True)
class Combination:
    """One point of the grid: its value on each axis, and the spec of its score.

    The fields before `score` are the axes, and this is the only list of them (:data:`AXES`). An
    axis with a default repeats a measurement: tables and figures show its default alone.
    """

    dataset: str
    architecture: str
    pruner: str
    sparsity: float
    uncertainty: str
    member: int = 0
    score: specs.Score

    @property
    def axes(self) -> dict[str, Any]:
        """The value on each axis, by the axis' name."""
        return {name: getattr(self, name) for name in AXES}


# The axes of the grid, in the order in which tables and figures sort, and the default values of
# those that repeat a measurement.
AXES = tuple(each.name for each in fields(Combination) if each.name != "score")
REPEATS = {
    each.name: each.default
    for each in fields(Combination)
    if each.name in AXES and each.default is not MISSING
}


@dataclass(frozen=True)
class Study:
    """A study's settings; see ``schema.yaml`` for what each means.

    `content` is what they were read from, by the present names of keys; `notes` are lines to tell
    the user once, such as that a key has a new name.
    """

    study: str
    datasets: tuple[specs.Data, ...]
    architectures: tuple[entries.Entry, ...]
    pruners: tuple[Pruner, ...]
    sparsities: tuple[float, ...]
    uncertainties: tuple[entries.Entry, ...]
    train: specs.Recipe
    finetune: specs.Recipe
    prune: specs.Recipe
    ensemble_size: int = 5
    mc_samples: int = 5
    dropout: float = 0.2
    seed: int = 0
    infer: Mapping[str, Any] = field(default_factory=dict)
    score: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

    @classmethod
    def load(
        cls, source: str | Path | Mapping[str, Any], *, remember: entries.Remember | None = None
    ) -> "Study":
        """Read a study from a YAML file or from a mapping of the same form.

        Args:
            source: The file, or the mapping.
            remember: Asked for the SHA-256 of given weights whose file is not there; without it,
                such a file is an error.

        Raises:
            PipelineError: a key, name or value is wrong; one line names it and what is allowed.
        """
        given = reading.read(Path(source)) if isinstance(source, str | Path) else source
        renamed, notes = reading.with_new_names(given)
        content = checks.validated(renamed)
        plugins = tuple(
            Path(reading.expanded(f"plugins[{position}]", file))
            for position, file in enumerate(content.get("plugins", ()))
        )
        use_plugins(plugins)
        train = recipes.train(content.get("train", {}))
        scalars = ("study", "ensemble_size", "mc_samples", "dropout", "seed",
                   "infer", "score", "figures")  # fmt: skip
        size = content.get("ensemble_size", cls.ensemble_size)
        datasets = entries.datasets(content["datasets"])
        architectures = entries.architectures(content["architectures"], size, remember)
        entries.refuse_same_files(datasets, architectures)
        sparsities = entries.sparsities(content["sparsities"])
        by = {
            "train": train,
            "finetune": recipes.finetune(train, content.get("finetune", {})),
            "prune": recipes.prune(content.get("prune", {})),
        }
        return cls(
            datasets=datasets,
            architectures=architectures,
            pruners=pruners(content["pruners"], sparsities, by),
            sparsities=sparsities,
            uncertainties=entries.uncertainties(content["uncertainties"]),
            train=by["train"],
            finetune=by["finetune"],
            prune=by["prune"],
            plugins=plugins,
            content=content,
            notes=notes,
            **{name: content[name] for name in scalars if name in content},
        )

    def combinations(self) -> Iterator[Combination]:
        """Every combination of the grid; unpruned ones come once, with the pruner ``none``."""
        for data in self.datasets:
            for architecture in self.architectures:
                for method in self.uncertainties:
                    for member, trained in self._models(data, architecture, method):
                        for pruner, sparsity, models in self._pruned(trained):
                            yield Combination(
                                dataset=data.label or data.dataset,
                                architecture=architecture.label,
                                pruner=pruner,
                                sparsity=sparsity,
                                uncertainty=method.label,
                                member=member,
                                score=self._score(data, method, models),
                            )

    def _models(
        self, data: specs.Data, architecture: entries.Entry, method: entries.Entry
    ) -> Iterator[tuple[int, tuple[specs.Train, ...]]]:
        """The trained networks a method predicts with, for each member it is scored for."""
        kind = UNCERTAINTIES.constant(method.name, "MODELS")
        plain = tuple(
            self._train(data, architecture, 0.0, member) for member in range(self.ensemble_size)
        )
        if kind == "dropout":
            yield 0, (self._train(data, architecture, self.dropout, 0),)
        elif kind == "ensemble":
            yield 0, plain
        else:
            scored = plain if self.score.get("members") == "all" else plain[:1]
            yield from ((model.member, (model,)) for model in scored)

    def _train(
        self, data: specs.Data, architecture: entries.Entry, dropout: float, member: int
    ) -> specs.Train:
        data = replace(data, test_version=1)  # networks do not see the test set
        spec = specs.Train(
            data, architecture.name, self.train, architecture.options, dropout, member, self.seed
        )
        for network, init, path in architecture.init:
            if network == f"{spec.kind}-{member}":
                # Another recipe would give the same network.
                spec = replace(spec, recipe=specs.Recipe(epochs=0), init=init, init_path=path)
        return self._shared(spec)

    def _pruned(
        self, trained: tuple[specs.Train, ...]
    ) -> Iterator[tuple[str, float, tuple[specs.Train | specs.Prune | specs.Finetune, ...]]]:
        yield "none", 0.0, trained
        for pruner in self.pruners:
            for sparsity in pruner.sparsities:
                models = tuple(self._final(model, pruner, sparsity) for model in trained)
                yield pruner.label, sparsity, models

    def _final(
        self, model: specs.Train, pruner: Pruner, sparsity: float
    ) -> specs.Prune | specs.Finetune:
        """The pruned network that is judged: fine-tuned, unless it was trained while pruned."""
        recipe = pruner.recipe if pruner.trains else None
        pruned = self._shared(
            specs.Prune(model, pruner.name, sparsity, pruner.options, self.seed, recipe)
        )
        return pruned if pruner.trains else self._shared(specs.Finetune(pruned, pruner.recipe))

    def _score(
        self,
        data: specs.Data,
        method: entries.Entry,
        models: tuple[specs.Train | specs.Prune | specs.Finetune, ...],
    ) -> specs.Score:
        dropout = UNCERTAINTIES.constant(method.name, "MODELS") == "dropout"
        samples = self.mc_samples if dropout else 1
        seed = self.seed if dropout else 0
        test_set = data if data.test_version > 1 else None
        predictions = tuple(
            self._shared(specs.Infer(model, samples, seed, data=test_set, **self.infer))
            for model in models
        )
        options = {name: value for name, value in self.score.items() if name != "members"}
        if "bins" in options:
            options["bins"] = tuple(options["bins"])
        return specs.Score(predictions, method.name, method.options, seed=self.seed, **options)

    def _shared(self, spec: T) -> T:
        """The one object of equal specs, so that its fingerprint is computed once."""
        return cast(T, self._pool.setdefault(spec, spec))

    @cached_property
    def _pool(self) -> dict[Any, Any]:
        return {}
