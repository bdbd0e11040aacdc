"""Given weights: which networks of an architecture start from what, instead of a training."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.study.reading import expanded

# How torchvision and timm name weights: ResNet18_Weights.IMAGENET1K_V1, timm/resnet26d.bt_in1k.
BY_NAME = re.compile(r"\w+_Weights\.\w+|timm/\w+\.\w+")

# From the path of weights that are not there to the SHA-256 that is known of them.
Remember = Callable[[str], str]


def network(kind: str, member: int, replicate: int) -> str:
    """What `init:` calls a network: ``plain-0``, and in replicate 1 ``r1/plain-0``."""
    return f"r{replicate}/{kind}-{member}" if replicate else f"{kind}-{member}"


def initial(
    where: str,
    given: Mapping[str, str],
    networks: Sequence[Sequence[str]],
    remember: Remember | None,
) -> tuple[tuple[str, str, str | None], ...]:
    """The weights of each network that is not trained; see `Entry`.

    `networks` holds the names of each network in all replicates. These repeat one thing, so either
    all of them start from weights of their own or none does.
    """
    names = [name for replicates in networks for name in replicates]
    for name in given:
        if name not in names:
            allowed = ", ".join(names)
            raise PipelineError(f"{where}: unknown network {name!r}; allowed: {allowed}")
    found = {name: _weights(f"{where}.{name}", given[name], remember) for name in sorted(given)}
    for replicates in networks:
        having = [name for name in replicates if name in found]
        lacking = [name for name in replicates if name not in found]
        if having and lacking:
            raise PipelineError(
                f"{where}: {having[0]} has weights and {lacking[0]} has none; each replicate needs "
                f"its own, or give {having[0]} none"
            )
        weights = [found[name][0] for name in having]
        for position, same in enumerate(weights):
            if same in weights[:position]:
                raise PipelineError(
                    f"{where}: {having[position]} and {having[weights.index(same)]} have the same "
                    "weights; replicates are independent trainings, so each needs its own"
                )
    return tuple((name, *weights) for name, weights in found.items())


def _weights(where: str, given: str, remember: Remember | None) -> tuple[str, str | None]:
    """What tells weights from others: a library's name, or a file's SHA-256; and its path."""
    if given.endswith(".DEFAULT"):
        raise PipelineError(f"{where}: {given} may mean others tomorrow; name the weights")
    if BY_NAME.fullmatch(given):
        return given, None
    path = expanded(where, given)
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), path
    except OSError as error:
        if remember and isinstance(error, FileNotFoundError):
            return remember(path), path
        raise PipelineError(f"{where}: {given}: {error.strerror}") from None
