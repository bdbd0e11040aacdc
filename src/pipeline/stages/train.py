"""Stage train: one network from scratch."""

import torch

from pipeline import artifacts, specs
from pipeline.job import Job
from pipeline.models import build
from pipeline.training import derive_seed, fit

USES_GPU = True


def run(spec: specs.Train, job: Job) -> None:
    """Train the network; another member starts from other weights and sees another order."""
    data = artifacts.load_dataset(job.read(spec.data))
    kind = "dropout" if spec.dropout else "plain"
    torch.manual_seed(derive_seed(spec.seed, kind, spec.member, "initialisation"))
    model = build(
        spec.architecture,
        len(data.classes),
        dropout=spec.dropout,
        image_size=data.image_size,
        **dict(spec.options),
    )
    fit(
        model,
        data,
        spec.recipe,
        seed=derive_seed(spec.seed, kind, spec.member, "train"),
        device=job.device,
        folder=job.folder,
        fingerprint=spec.fingerprint,
    )
    artifacts.save_model(job.path("model.safetensors"), model)
