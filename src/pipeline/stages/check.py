"""Stage check: try on random weights whether a network can be cut, before any training."""

from pipeline.cache import files, payloads, specs
from pipeline.errors import PipelineError
from pipeline.pruning.rehearsal import faults
from pipeline.running.job import Job


def run(spec: specs.Check, job: Job) -> None:
    """Build the architecture, cut it by each pruner and run it; write down what was tried."""
    data = payloads.load_dataset(job.payload_path(spec.data), spec.data)
    found = faults(
        spec.architecture,
        dict(spec.options),
        [(name, dict(options)) for name, options in spec.pruners],
        sparsity=spec.sparsities or spec.sparsity,
        dropout=spec.dropout,
        classes=len(data.classes),
        image_size=data.image_size,
    )
    if found:
        raise PipelineError(f"{spec.place}: {'; '.join(found)}")
    files.write_json(job.path("check.json"), {"pruners": [name for name, _ in spec.pruners]})
