"""Stage infer: a network's logits on the test set."""

from pipeline import artifacts, paths, specs
from pipeline.inference import predict
from pipeline.job import Job
from pipeline.models import size

USES_GPU = True


def run(spec: specs.Infer, job: Job) -> None:
    """Predict the test set and store the logits with labels, ids and the network's size."""
    data = artifacts.load_dataset(job.read(paths.trained(spec.model).data))
    model = artifacts.load_model(job.read(spec.model))
    parameters, macs = size(model)
    logits = predict(model, data, samples=spec.samples, seed=spec.seed, device=job.device)
    artifacts.save_predictions(
        job.path("predictions.safetensors"),
        logits.numpy().astype(spec.precision),
        data.test.labels,
        data.test.ids,
        parameters=parameters,
        macs=macs,
    )
