"""Every file name under ``artifacts/``.

A folder says in words what it holds and carries the fingerprint of its spec:

    artifacts/digits/resnet18/plain-0/l1-0.4/finetune~81c0d9e4/model.safetensors
"""

import os
from pathlib import Path

from pipeline.cache.specs import STAGES, Spec
from pipeline.errors import PipelineError

MANIFEST = "manifest.json"
# The manifest of an artifact that was not kept, or stayed where its predictions were packed.
ANCESTOR = "ancestor.json"
PROVENANCE = "provenance.json"
RESUME = "resume.safetensors"
HISTORY = "history.csv"
LOCK = ".lock"


def outputs(stage: str) -> tuple[str, ...]:
    """The names of all files of a stage's finished artifact, the manifest last."""
    return (*STAGES[stage].payload, MANIFEST)


def folder(spec: Spec) -> str:
    """An artifact's folder, relative to ``artifacts/``."""
    return f"{spec.place}/{spec.stage}~{spec.fingerprint}"


def study_folder(output: Path, study: str) -> Path:
    """Where a study's tables and figures go."""
    return output / "studies" / study


def absolute_if_outside(folder: Path) -> Path:
    """A folder as it is given, unless its path climbs: Snakemake's backups would climb with it."""
    return Path(os.path.abspath(folder)) if ".." in folder.parts else folder


def exists(path: str | Path) -> bool:
    """Whether there is something by this name.

    Raises:
        PipelineError: that cannot be told: what nobody may look at is not missing.
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise PipelineError(f"{path}: {error.strerror}") from None
    return True
