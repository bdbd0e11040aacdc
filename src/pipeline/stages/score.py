"""Score predictions: from logits and labels to every metric of every definition of uncertainty."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.cache import files, paths, payloads, specs
from pipeline.cache.payloads import Predictions
from pipeline.errors import PipelineError
from pipeline.metrics.detection import score_detection
from pipeline.metrics.scoring import score
from pipeline.running.job import Job
from pipeline.uncertainty import LogitsError


def run(spec: specs.Score, job: Job) -> None:
    """Score the predictions of one network, or of an ensemble's members, read one by one.

    Those of another test set are scored beside the same networks' predictions of the data set's own
    test images.

    Raises:
        PipelineError: the members did not predict the same images, or logits are not finite.
    """
    members, clean = (_read(parents, job) for parents in (spec.predictions, spec.clean))
    try:
        content, curves = _scored(spec, members, clean)
    except LogitsError as error:
        read = spec.predictions[error.part]
        raise PipelineError(
            f"{job.payload_path(read)} of the network {paths.folder(read.model)}: {error}"
        ) from None
    models = [{"parameters": member.parameters, "macs": member.macs} for member in members]
    files.write_json(job.path("scores.json"), {"models": models, **content})
    with files.atomic(job.path("curves.npz")) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **curves)


def _scored(
    spec: specs.Score, members: Sequence[Predictions], clean: Sequence[Predictions]
) -> tuple[dict[str, Any], dict[str, Any]]:
    logits = [member.logits for member in members]
    common: dict[str, Any] = {
        "method": spec.uncertainty,
        "options": dict(spec.options),
        "bootstrap": spec.bootstrap,
        "seed": spec.seed,
    }
    own = [member.logits for member in clean]
    if spec.predictions[0].images.role == "ood":
        return score_detection(own, logits, **common)
    return score(
        logits,
        members[0].labels,
        bins=spec.bins,
        steps=spec.steps,
        ties=spec.ties,
        ids=members[0].ids,
        clean=(own, clean[0].labels, clean[0].ids) if clean else None,
        **common,
    )


def _read(parents: Sequence[specs.Infer], job: Job) -> list[Predictions]:
    """The predictions of each member."""
    members = [payloads.load_predictions(job.payload_path(parent)) for parent in parents]
    for member, parent in zip(members, parents, strict=True):
        first = members[0]
        if not (
            np.array_equal(member.ids, first.ids) and np.array_equal(member.labels, first.labels)
        ):
            raise PipelineError(f"{parent.fingerprint} holds other images than the first member")
    return members
