"""Stage finetune: train a pruned network further."""

from pipeline.cache import payloads, specs
from pipeline.engine.training import fit
from pipeline.running.job import Job
from pipeline.seeds import derive_seed


def run(spec: specs.Finetune, job: Job) -> None:
    """Fine-tune the pruned network on the data set its ancestor was trained on."""
    origin = spec.model.model
    data = payloads.load_dataset(job.payload_path(origin.data), origin.data)
    model = payloads.load_model(job.payload_path(spec.model))
    fit(
        model,
        data,
        spec.recipe,
        seed=derive_seed(origin.seed, origin.kind, origin.member, "finetune"),
        device=job.device,
        folder=job.folder,
        fingerprint=job.stamp,
        engine=job.engine,
    )
    payloads.save_model(job.path("model.safetensors"), model)
