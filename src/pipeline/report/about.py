"""What a page says of a study beside its numbers: its settings, and how its artifacts were made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Trained:
    """A network that was trained, or pruned and trained, and the folder that it lies in.

    Attributes:
        dataset: its label.
        architecture: its label.
        pruner: its label, or `names.UNPRUNED`.
        sparsity: 0 where it is not pruned.
        kind: ``plain`` or ``dropout``, and the member: ``plain-0``.
        folder: of its artifact.
    """

    dataset: str
    architecture: str
    pruner: str
    sparsity: float
    kind: str
    folder: Path


@dataclass(frozen=True)
class Origins:
    """How the artifacts of a study were made.

    Attributes:
        stages: one record for each stage: ``stage``, ``artifacts``, ``known`` (how many say how
            they were made), ``wall_seconds`` and ``cpu_seconds`` in sum, ``first``, ``last``.
        counts: for each subject, such as "PyTorch" or "Commit", its values, each with the number
            of artifacts.
        code: the identity of each unit of code.
        parents: how many parents of artifacts are ``same`` as when they were read, are ``other``
            copies, or are ``gone``.
    """

    stages: Sequence[Mapping[str, Any]] = ()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class About:
    """A study beside its numbers; nothing of it need be known.

    Attributes:
        name: of the study.
        settings: what the study file says.
        origins: how its artifacts were made.
        trained: the networks whose training may have been recorded.
    """

    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    origins: Origins = field(default_factory=Origins)
    trained: Sequence[Trained] = ()
