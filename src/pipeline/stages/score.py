"""Score predictions: from logits and labels to every metric of every definition of uncertainty."""

import numpy as np

from pipeline.cache import files, paths, payloads, specs
from pipeline.errors import PipelineError
from pipeline.metrics.scoring import score
from pipeline.running.job import Job
from pipeline.uncertainty import LogitsError


def run(spec: specs.Score, job: Job) -> None:
    """Score the predictions of one network, or of an ensemble's members, read one by one.

    Raises:
        PipelineError: the members did not predict the same images, or logits are not finite.
    """
    read = [job.payload_path(parent) for parent in spec.predictions]
    members = [payloads.load_predictions(path) for path in read]
    first = members[0]
    for member, parent in zip(members, spec.predictions, strict=True):
        if not (
            np.array_equal(member.ids, first.ids) and np.array_equal(member.labels, first.labels)
        ):
            raise PipelineError(f"{parent.fingerprint} holds other images than the first member")
    try:
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
            ids=first.ids,
        )
    except LogitsError as error:
        network = paths.folder(spec.predictions[error.part].model)
        raise PipelineError(f"{read[error.part]} of the network {network}: {error}") from None
    models = [{"parameters": member.parameters, "macs": member.macs} for member in members]
    files.write_json(job.path("scores.json"), {"models": models, **content})
    with files.atomic(job.path("curves.npz")) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **curves)  # type: ignore[arg-type]
