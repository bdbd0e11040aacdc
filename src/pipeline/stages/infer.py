"""Stage infer: a network's logits on the test set."""

from pipeline.cache import payloads, specs
from pipeline.engine.inference import logits_by_batch
from pipeline.models import size
from pipeline.running.job import Job
from pipeline.seeds import of_replicate


def run(spec: specs.Infer, job: Job) -> None:
    """Predict the test set and store the logits with labels, ids and the network's size."""
    data = payloads.load_dataset(job.payload_path(spec.images), spec.images)
    model = payloads.load_model(job.payload_path(spec.model))
    parameters, macs = size(model)
    seed = of_replicate(spec.seed, spec.model.trained.replicate)
    with payloads.writing_predictions(
        job.path("predictions.safetensors"),
        data.test.labels,
        data.test.ids,
        samples=spec.samples,
        classes=len(data.classes),
        precision=spec.precision,
        parameters=parameters,
        macs=macs,
    ) as append:
        for logits in logits_by_batch(model, data, spec.samples, seed, device=job.device):
            append(logits.numpy())
