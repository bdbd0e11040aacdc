"""Stage train: one network, from scratch or from weights that the study gives."""

import torch

from pipeline.cache import payloads, specs
from pipeline.engine.checks import check_recipe
from pipeline.engine.training import fit
from pipeline.models import build
from pipeline.models.shared.weights import given_weights, load_weights
from pipeline.running.job import Job
from pipeline.seeds import derive_seed, of_replicate


def run(spec: specs.Train, job: Job) -> None:
    """Train the network; another member starts from other weights and sees another order.

    Raises:
        PipelineError: the recipe does not go with the data, the training diverged, or the given
            weights are missing or do not fit.
    """
    data = payloads.load_dataset(job.payload_path(spec.data), spec.data)
    seed = of_replicate(spec.seed, spec.replicate)
    torch.manual_seed(derive_seed(seed, spec.kind, spec.member, "initialisation"))
    model = build(
        spec.architecture,
        len(data.classes),
        dropout=spec.dropout,
        image_size=data.image_size,
        **dict(spec.options),
    )
    if spec.init is not None:
        source = spec.init_path or spec.init
        load_weights(model, given_weights(spec.init, spec.init_path), source)
    else:
        check_recipe(spec.recipe, len(data.train), model, image_size=data.image_size, key="train")
        fit(
            model,
            data,
            spec.recipe,
            seed=derive_seed(seed, spec.kind, spec.member, "train"),
            run=job.run,
        )
    payloads.save_model(job.path("model.safetensors"), model)
