"""Stage finetune: train a pruned network further."""

from pipeline.cache import payloads, specs
from pipeline.engine.checks import check_recipe
from pipeline.engine.training import fit
from pipeline.running.job import Job
from pipeline.seeds import derive_seed, of_replicate


def run(spec: specs.Finetune, job: Job) -> None:
    """Fine-tune the pruned network on the data set its ancestor was trained on.

    Raises:
        PipelineError: the recipe does not go with the data, or the training diverged.
    """
    origin = spec.model.model
    data = payloads.load_dataset(job.payload_path(origin.data), origin.data)
    model = payloads.load_model(job.payload_path(spec.model))
    seed = of_replicate(origin.seed, origin.replicate)
    check_recipe(spec.recipe, len(data.train), model, image_size=data.image_size, key="finetune")
    fit(
        model,
        data,
        spec.recipe,
        seed=derive_seed(seed, origin.kind, origin.member, "finetune"),
        run=job.run,
    )
    payloads.save_model(job.path("model.safetensors"), model)
