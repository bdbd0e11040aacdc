"""Stage prune: remove channels of a trained network, at once or while it trains."""

import torch

from pipeline.cache import files, payloads, specs
from pipeline.engine.batches import TrainingImages
from pipeline.engine.checks import check_recipe
from pipeline.pruning import prune
from pipeline.registry import PRUNERS
from pipeline.running.job import Job
from pipeline.seeds import derive_seed, of_replicate

# Images that a pruner may look at; a pruner takes the first ones, as many as it needs.
IMAGES = 4096


def run(spec: specs.Prune, job: Job) -> None:
    """Prune the network and report what is left of it.

    Raises:
        PipelineError: the network cannot be pruned so; or, of a pruner that trains, the recipe does
            not go with the data, or the training diverged.
    """
    origin = spec.model
    data = payloads.load_dataset(job.payload_path(origin.data), origin.data)
    model = payloads.load_model(job.payload_path(origin)).to(job.device)
    seed = derive_seed(
        of_replicate(spec.seed, origin.replicate), origin.kind, origin.member, "prune"
    )
    example = torch.zeros(1, 3, data.image_size, data.image_size, device=job.device)
    options = dict(spec.options)
    if spec.recipe is not None:
        check_recipe(spec.recipe, len(data.train), model, image_size=data.image_size, key="prune")
        smaller, report = PRUNERS.load(spec.pruner).prune_in_training(
            model,
            data,
            spec.sparsity,
            spec.recipe,
            example_input=example,
            seed=seed,
            run=job.run,
            **options,
        )
    else:
        smaller, report = prune(
            model,
            spec.pruner,
            spec.sparsity,
            example_input=example,
            images=TrainingImages(data, IMAGES, derive_seed(seed, "images"), job.device),
            seed=seed,
            **options,
        )
    payloads.save_model(job.path("model.safetensors"), smaller)
    files.write_json(job.path("report.json"), report.to_json())
