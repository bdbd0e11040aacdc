"""Stage infer: a network's logits on the test set."""

from pipeline import artifacts, paths, specs
from pipeline.inference import predicted
from pipeline.job import Job
from pipeline.models import size

USES_GPU = True


def run(spec: specs.Infer, job: Job) -> None:
    """Predict the test set and store the logits with labels, ids and the network's size."""
    origin = paths.trained(spec.model).data
    data = artifacts.load_dataset(job.read(origin), origin)
    model = artifacts.load_model(job.read(spec.model))
    parameters, macs = size(model)
    with artifacts.writing_predictions(
        job.path("predictions.safetensors"),
        data.test.labels,
        data.test.ids,
        samples=spec.samples,
        classes=len(data.classes),
        precision=spec.precision,
        parameters=parameters,
        macs=macs,
    ) as append:
        for logits in predicted(
            model, data, samples=spec.samples, seed=spec.seed, device=job.device
        ):
            append(logits.numpy())
