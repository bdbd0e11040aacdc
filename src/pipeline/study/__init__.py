"""Study: from a YAML file to the grid of stage specs.

    study = Study.load("config.yaml")
    for combination in study.combinations():
        combination.pruner, combination.sparsity, combination.score.fingerprint

Reading a study checks everything that can be known before any work is done: keys, types, ranges,
names, options, duplicates. It imports no torch, so that the Snakefile can afford it.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import yaml

from pipeline.cache import specs
from pipeline.errors import PipelineError
from pipeline.registry import (
    DATASETS,
    MODELS,
    PRUNERS,
    UNCERTAINTIES,
    Option,
    Registry,
    use_plugins,
)

if TYPE_CHECKING:
    from jsonschema import ValidationError

SCHEMA = Path(__file__).with_name("schema.yaml")

# Ding et al., ResRep, ICCV 2021: the official code's recipe for CIFAR; 180 epochs are the paper's.
RESREP = specs.Recipe(
    epochs=180, batch_size=64, lr=0.01, weight_decay=1e-4, schedule="cosine_iteration",
    drop_last=True, decay_normalisation=False, bias_lr=2.0,
)  # fmt: skip

# Keys of an entry that are not options of the code behind it.
ENTRY_KEYS = {"name", "label"}
ARCHITECTURE_KEYS = ENTRY_KEYS | {"init"}
DATASET_KEYS = ENTRY_KEYS | {"version", "path"}
# Options of a data set that say how to come by the files, not what is in them.
ACCESS = {"path", "download", "decoder"}

# How torchvision names weights: ResNet18_Weights.IMAGENET1K_V1.
TORCHVISION = re.compile(r"\w+_Weights\.\w+")

T = TypeVar("T", bound=specs.Spec)

# From the path of weights that are not there to the SHA-256 that is known of them.
Remember = Callable[[str], str]


@dataclass(frozen=True)
class Entry:
    """A registry entry as a study uses it: what it is called there, and its options.

    `init` has a triple for each network of an architecture that is not trained: ``plain-0`` or the
    like, and the fields `init` and `init_path` of its spec.
    """

    name: str
    label: str
    options: specs.Options = ()
    init: tuple[tuple[str, str, str | None], ...] = ()


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
    """A study's settings; see ``schema.yaml`` for what each means."""

    study: str
    datasets: tuple[specs.Data, ...]
    architectures: tuple[Entry, ...]
    pruners: tuple[Entry, ...]
    sparsities: tuple[float, ...]
    uncertainties: tuple[Entry, ...]
    train: specs.Recipe
    finetune: specs.Recipe
    resrep: specs.Recipe
    ensemble_size: int = 5
    mc_samples: int = 5
    dropout: float = 0.2
    seed: int = 0
    infer: Mapping[str, Any] = field(default_factory=dict)
    score: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def load(
        cls, source: str | Path | Mapping[str, Any], *, remember: Remember | None = None
    ) -> "Study":
        """Read a study from a YAML file or from a mapping of the same form.

        Args:
            source: The file, or the mapping.
            remember: Asked for the SHA-256 of given weights whose file is not there; without it,
                such a file is an error.

        Raises:
            PipelineError: a key, name or value is wrong; one line names it and what is allowed.
        """
        content = _read(Path(source)) if isinstance(source, str | Path) else dict(source)
        _validate(content)
        _check_metrics(content)
        plugins = tuple(Path(file) for file in content.get("plugins", ()))
        use_plugins(plugins)
        train = _recipe(specs.Recipe(epochs=200), content.get("train", {}))
        # The penalty prepares for pruning; after it, there is nothing to prepare for.
        finetune = _recipe(replace(train, epochs=150, gamma_l1=0.0), content.get("finetune", {}))
        scalars = ("study", "ensemble_size", "mc_samples", "dropout", "seed",
                   "infer", "score", "figures")  # fmt: skip
        return cls(
            datasets=_datasets(content),
            architectures=_entries(content, "architectures", MODELS, ARCHITECTURE_KEYS, remember),
            pruners=_entries(content, "pruners", PRUNERS),
            sparsities=_sparsities(content),
            uncertainties=_entries(content, "uncertainties", UNCERTAINTIES),
            train=train,
            finetune=finetune,
            resrep=_recipe(RESREP, content.get("resrep", {})),
            plugins=plugins,
            content=content,
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
                                score=self._score(method, models),
                            )

    def _models(
        self, data: specs.Data, architecture: Entry, method: Entry
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
        self, data: specs.Data, architecture: Entry, dropout: float, member: int
    ) -> specs.Train:
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
            for sparsity in self.sparsities:
                models = tuple(self._final(model, pruner, sparsity) for model in trained)
                yield pruner.label, sparsity, models

    def _final(
        self, model: specs.Train, pruner: Entry, sparsity: float
    ) -> specs.Prune | specs.Finetune:
        """The pruned network that is judged: fine-tuned, unless it was trained while pruned."""
        trains = PRUNERS.function(pruner.name) == "prune_in_training"
        recipe = self.resrep if trains else None
        pruned = self._shared(
            specs.Prune(model, pruner.name, sparsity, pruner.options, self.seed, recipe)
        )
        return pruned if trains else self._shared(specs.Finetune(pruned, self.finetune))

    def _score(
        self, method: Entry, models: tuple[specs.Train | specs.Prune | specs.Finetune, ...]
    ) -> specs.Score:
        dropout = UNCERTAINTIES.constant(method.name, "MODELS") == "dropout"
        samples = self.mc_samples if dropout else 1
        seed = self.seed if dropout else 0
        predictions = tuple(
            self._shared(specs.Infer(model, samples, seed, **self.infer)) for model in models
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


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise PipelineError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = f", line {mark.line + 1}" if (mark := getattr(error, "problem_mark", None)) else ""
        raise PipelineError(f"{path}{where} is not valid YAML") from None
    if not isinstance(content, dict):
        raise PipelineError(f"{path} does not hold a study: expected `key: value` lines")
    return content


def _recipe(base: specs.Recipe, given: Mapping[str, Any]) -> specs.Recipe:
    """A recipe with some fields replaced; ``lr: 1`` and ``lr: 1.0`` are the same."""
    return replace(
        base, **{name: type(getattr(base, name))(value) for name, value in given.items()}
    )


def _refuse_infinite(where: str, value: Any) -> None:
    """Raise PipelineError where a number is nan or infinite."""
    if isinstance(value, float) and not math.isfinite(value):
        raise PipelineError(f"{where}: {value} is not a finite number")
    if isinstance(value, dict):
        for key, each in value.items():
            _refuse_infinite(f"{where}.{key}", each)
    elif isinstance(value, list):
        for position, each in enumerate(value):
            _refuse_infinite(f"{where}[{position}]", each)


def _validate(content: Mapping[str, Any]) -> None:
    """Check keys, types and ranges against the schema; the first fault is reported in one line."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    for key, value in content.items():
        _refuse_infinite(str(key), value)
    # JSON Schema takes 2.0 for an integer; here it would be a fraction to compute with.
    strict = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    checked = extend(Draft202012Validator, type_checker=strict)  # type: ignore[no-untyped-call]
    validator = checked(yaml.safe_load(SCHEMA.read_text()))
    for error in sorted(validator.iter_errors(content), key=lambda each: list(map(str, each.path))):
        raise PipelineError(_explain(error))


def _explain(error: "ValidationError") -> str:
    where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.path)
    where = where.lstrip(".") or "the study"
    allowed: Any = error.validator_value
    found: Any = error.instance
    schema: Any = error.schema
    match error.validator:
        case "additionalProperties":
            known = schema["properties"]
            unknown = ", ".join(repr(key) for key in found if key not in known)
            return f"{where}: unknown key {unknown}; allowed: {', '.join(known)}"
        case "required":
            missing = ", ".join(repr(key) for key in allowed if key not in found)
            return f"{where}: missing {missing}"
        case "type":
            kinds = " or ".join([allowed] if isinstance(allowed, str) else allowed)
            return f"{where}: {found!r} is not of type {kinds}"
        case "enum":
            return f"{where}: {found!r} is not one of {', '.join(map(str, allowed))}"
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            return f"{where}: {found!r} is not {_bounds(schema)}"
        case "minItems":
            return f"{where}: needs at least {allowed} value{'s' if allowed > 1 else ''}"
        case "uniqueItems":
            return f"{where}: {found!r} holds a duplicate"
        case "pattern":
            return f"{where}: {found!r} may hold only letters, digits, '.', '_' and '-'"
    return f"{where}: {error.message!s}"


def _check_metrics(content: Mapping[str, Any]) -> None:
    """Refuse metrics to draw that are not scored, and the accuracy, which is always drawn."""
    wanted = content.get("figures", {}).get("metrics", [])
    if wanted:
        # Most studies name none, and planning starts without numpy then.
        from pipeline.metrics import catalogue

        bins = content.get("score", {}).get("bins")
        known = [key for key in catalogue.keys(*([bins] if bins else [])) if key != "accuracy"]
        for metric in wanted:
            if metric == "accuracy":
                raise PipelineError("figures.metrics: the accuracy is shown beside each of them")
            if metric not in known:
                raise PipelineError(
                    f"figures.metrics: unknown metric {metric!r}; known: {', '.join(known)}"
                )


def _bounds(schema: Mapping[str, Any]) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above",
             "maximum": "at most", "exclusiveMaximum": "below"}  # fmt: skip
    return " and ".join(f"{word} {schema[key]}" for key, word in words.items() if key in schema)


def _init(
    where: str, given: Mapping[str, str], content: Mapping[str, Any], remember: Remember | None
) -> tuple[tuple[str, str, str | None], ...]:
    """The weights of each network that is not trained; see `Entry`."""
    size = content.get("ensemble_size", Study.ensemble_size)
    networks = [*(f"plain-{member}" for member in range(size)), "dropout-0"]
    for network in given:
        if network not in networks:
            allowed = ", ".join(networks)
            raise PipelineError(f"{where}: unknown network {network!r}; allowed: {allowed}")
    return tuple(
        (network, *_weights(f"{where}.{network}", source, remember))
        for network, source in sorted(given.items())
    )


def _weights(where: str, given: str, remember: Remember | None) -> tuple[str, str | None]:
    """What tells weights from others: torchvision's name, or a file's SHA-256; and its path."""
    if given.endswith(".DEFAULT"):
        raise PipelineError(f"{where}: {given} may mean others tomorrow; name the weights")
    if TORCHVISION.fullmatch(given):
        return given, None
    try:
        with Path(given).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), given
    except OSError as error:
        if remember and isinstance(error, FileNotFoundError):
            return remember(given), given
        raise PipelineError(f"{where}: {given}: {error.strerror}") from None


def _entries(
    content: Mapping[str, Any],
    key: str,
    registry: Registry,
    keys: set[str] = ENTRY_KEYS,
    remember: Remember | None = None,
) -> tuple[Entry, ...]:
    entries = []
    for position, item in enumerate(content[key]):
        settings: dict[str, Any] = {"name": item} if isinstance(item, str) else item
        where = f"{key}[{position}]"
        options = {name: value for name, value in settings.items() if name not in keys}
        name = settings["name"]
        checked = _options(where, registry, name, options, keys)
        init = _init(f"{where}.init", settings.get("init", {}), content, remember)
        entries.append(Entry(name, settings.get("label", name), checked, init))
    _refuse_duplicates(key, [entry.label for entry in entries])
    if "none" in [entry.label for entry in entries]:
        raise PipelineError(f"{key}: the label 'none' stands for unpruned networks")
    for position, entry in enumerate(entries):
        for other in entries[:position]:
            if replace(entry, label="") == replace(other, label=""):
                raise PipelineError(f"{key}: {entry.label!r} is the same as {other.label!r}")
    return tuple(entries)


def _datasets(content: Mapping[str, Any]) -> tuple[specs.Data, ...]:
    found = []
    for position, item in enumerate(content["datasets"]):
        settings: dict[str, Any] = {"name": item} if isinstance(item, str) else item
        where = f"datasets[{position}]"
        options = {name: value for name, value in settings.items() if name not in DATASET_KEYS}
        name = settings["name"]
        checked = _options(where, DATASETS, name, options, DATASET_KEYS)
        label = settings.get("label", name)
        data = specs.Data(
            name,
            label="" if label == name else label,
            version=settings.get("version", 1),
            options=tuple(option for option in checked if option[0] not in ACCESS),
            access=tuple((key, settings[key]) for key in sorted(ACCESS) if key in settings),
        )
        found.append(data)
    if "studies" in [data.label for data in found]:
        raise PipelineError("datasets: the label 'studies' is the folder of tables and figures")
    _refuse_duplicates("datasets", [data.label or data.dataset for data in found])
    return tuple(found)


def _options(
    where: str, registry: Registry, name: str, options: Mapping[str, Any], keys: set[str]
) -> specs.Options:
    """The options that differ from the entry's defaults, in the type of the default."""
    try:
        defaults = registry.options(name)
    except PipelineError as error:
        raise PipelineError(f"{where}: {error}") from None
    for option in options:
        if option not in defaults:
            allowed = ", ".join(sorted(keys | defaults.keys()))
            raise PipelineError(f"{where}: unknown key {option!r} for {name}; allowed: {allowed}")
    values = {
        option: _checked(f"{where}.{option}", value, defaults[option])
        for option, value in sorted(options.items())
    }
    return tuple((name, value) for name, value in values.items() if value != defaults[name].default)


def _checked(where: str, value: Any, option: Option) -> Any:
    """An option's value in the type of its default; a whole number will do for a fraction."""
    default = option.default
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if default is not None and type(value) is not type(default):
        raise PipelineError(f"{where}: {value!r} is not of type {type(default).__name__}")
    number = isinstance(default, int | float) and not isinstance(default, bool)
    if number and (value < 0 or (value == 0 and default > 0)):
        raise PipelineError(f"{where}: {value!r} is not {'above' if default else 'at least'} 0")
    if option.choices is not None and value not in option.choices:
        raise PipelineError(
            f"{where}: {value!r} is not one of {', '.join(map(str, option.choices))}"
        )
    return value


def _sparsities(content: Mapping[str, Any]) -> tuple[float, ...]:
    sparsities = [float(value) for value in content["sparsities"]]
    _refuse_duplicates("sparsities", sparsities)
    return tuple(sorted(value for value in sparsities if value > 0))


def _refuse_duplicates(key: str, labels: list[Any]) -> None:
    for label in labels:
        if labels.count(label) > 1:
            hint = "" if key == "sparsities" else "; give one of them a `label:`"
            raise PipelineError(f"{key}: {label!r} is given more than once{hint}")
