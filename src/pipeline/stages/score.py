"""Score predictions: from logits and labels to every metric of every definition of uncertainty."""

import numpy as np

from pipeline.cache import files, payloads, specs
from pipeline.errors import PipelineError
from pipeline.metrics.scoring import score
from pipeline.running.job import Job


def run(spec: specs.Score, job: Job) -> None:
    """Score the predictions of one network, or of an ensemble's members, read one by one.

    Raises:
        PipelineError: the members did not predict the same images.
    """
    members = [payloads.load_predictions(job.payload_path(parent)) for parent in spec.predictions]
    first = members[0]
    for member, parent in zip(members, spec.predictions, strict=True):
        if not (
            np.array_equal(member.ids, first.ids) and np.array_equal(member.labels, first.labels)
        ):
            raise PipelineError(f"{parent.fingerprint} holds other images than the first member")
    content, curves = score(
        [member.logits for member in members],
        first.labels,
        method=spec.uncertainty,
        options=dict(spec.options),
        bins=spec.bins,
        steps=spec.steps,
        ties=spec.ties,
        bootstrap=spec.bootstrap,
        seed=spec.seed,
    )
    models = [{"parameters": member.parameters, "macs": member.macs} for member in members]
    files.write_json(job.path("scores.json"), {"models": models, **content})
    with files.atomic(job.path("curves.npz")) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **curves)  # type: ignore[arg-type]
