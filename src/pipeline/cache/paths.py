"""Every file name under ``artifacts/``.

A folder says in words what it holds and carries the fingerprint of its spec:

    artifacts/digits/resnet18/plain-0/l1-0.4/finetune~81c0d9e4/model.safetensors
"""

import os
from pathlib import Path

from pipeline.cache.specs import AnySpec, Data, Finetune, Infer, Prune, Score, Train

MANIFEST = "manifest.json"
PROVENANCE = "provenance.json"
RESUME = "resume.safetensors"
LOCK = ".lock"

# What each stage leaves in its folder, beside the manifest; the first file is the one that
# later stages read.
PAYLOADS: dict[str, tuple[str, ...]] = {
    "data": ("images.safetensors",),
    "train": ("model.safetensors",),
    "prune": ("model.safetensors", "report.json"),
    "finetune": ("model.safetensors",),
    "infer": ("predictions.safetensors",),
    "score": ("scores.json", "curves.npz"),
}


def outputs(stage: str) -> tuple[str, ...]:
    """The names of all files of a finished artifact, the manifest last."""
    return (*PAYLOADS[stage], MANIFEST)


def place(spec: AnySpec) -> str:
    """What a spec's artifact is about, in words, such as ``digits/resnet18/plain-0/l1-0.4``."""
    match spec:
        case Data():
            return spec.label or spec.dataset
        case Train():
            return f"{place(spec.data)}/{spec.architecture}/{spec.kind}-{spec.member}"
        case Prune():
            return f"{place(spec.model)}/{spec.pruner}-{spec.sparsity:g}"
        case Finetune() | Infer():
            return place(spec.model)
        case Score():
            first = spec.predictions[0].model
            train = trained(first)
            member = f"-{train.member}" if train.member else ""
            parts = [place(train.data), train.architecture, f"{spec.uncertainty}{member}"]
            return "/".join(parts) + place(first).removeprefix(place(train))


def trained(model: Train | Prune | Finetune) -> Train:
    """The trained network that a model comes from."""
    return model if isinstance(model, Train) else trained(model.model)


def folder(spec: AnySpec) -> str:
    """An artifact's folder, relative to ``artifacts/``."""
    return f"{place(spec)}/{spec.stage}~{spec.fingerprint}"


def study_folder(output: Path, study: str) -> Path:
    """Where a study's tables and figures go."""
    return output / "studies" / study


def absolute_if_outside(folder: Path) -> Path:
    """A folder as it is given, unless its path climbs: Snakemake's backups would climb with it."""
    return Path(os.path.abspath(folder)) if ".." in folder.parts else folder
