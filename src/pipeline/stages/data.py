"""Stage data: read a data set once and store it: its images, or a list of its files."""

from pathlib import Path

from pipeline.cache import payloads, specs
from pipeline.registry import DATASETS
from pipeline.running.job import Job


def run(spec: specs.Data, job: Job) -> None:
    """Read, check and store the data set that `spec` names."""
    access = dict(spec.access)
    path = Path(access.pop("path")) if "path" in access else None
    dataset = DATASETS.load(spec.dataset).load(path, **access, **dict(spec.options))
    dataset.check()
    payloads.save_dataset(job.path("images.safetensors"), dataset)
