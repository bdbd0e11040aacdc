"""Stage data: read a data set once and store it: its images, or a list of its files.

All that can be wrong with a data set is found here, before anything is trained with it. Beside the
list of files lie their digests, and a note of the folder that they were read from. A study that
names another folder has it compared by the same job. Other test sets for the networks of a data set
are made here, too: see `pipeline.cache.specs.Data`.
"""

import os
from dataclasses import replace
from pathlib import Path

import torch

from pipeline.cache import origins, paths, payloads, specs, stored_datasets
from pipeline.datasets import AnyDataset, ImageFiles, StreamedDataset
from pipeline.datasets.shared import comparing, inspection
from pipeline.datasets.shared.decoding import decoder, refusing_wide
from pipeline.datasets.shared.faults import faults
from pipeline.datasets.shared.outside import outside
from pipeline.datasets.shared.splitting import validation, without_validation
from pipeline.datasets.shared.types import without_images
from pipeline.errors import PipelineError
from pipeline.progress import say
from pipeline.registry import DATASETS
from pipeline.running.job import Job

PAYLOAD = "images.safetensors"
NOTES, REPORT = "inspected.part", "faulty-files.txt"


def run(spec: specs.Data, job: Job) -> None:
    """Read, check and store the data set that `spec` names.

    Raises:
        PipelineError: something is wrong with it; every fault is printed.
    """
    origin = origins.name(spec)
    dataset = _read(spec, job)
    if isinstance(dataset, StreamedDataset):
        _refuse_another_root(spec, dataset)
        notes = inspection.Notes(job.path(NOTES))
        # Files that another test set is made of were inspected for their own data set.
        if dataset.test.digests is None or dataset.train.digests is None:
            dataset = _inspected(dataset, job, notes)
        _refuse_other_training_files(spec, dataset, job)
        payloads.save_dataset(job.path(PAYLOAD), dataset)
        _save_digests(dataset, job.folder)
        notes.delete()
    else:
        _refuse_other_training_files(spec, dataset, job)
        payloads.save_dataset(job.path(PAYLOAD), dataset)
    if origins.root(spec).exists():
        origins.record(job.path(origin), origins.root(spec), origins.PARTS)


def confirm(
    spec: specs.Data, job: Job, parts: tuple[str, ...] = origins.PARTS, origin: Path | None = None
) -> None:
    """Write down that the folder which `spec` names holds what the artifact lists.

    An artifact of a version that kept no digests gets them.

    Args:
        spec: The data set, with its path.
        job: Where the artifact lies.
        parts: Which sets matter: ``train``, ``test``, or both.
        origin: Where that is written; without, beside the artifact.

    Raises:
        PipelineError: the folder holds something else, or files in it cannot be used.
    """
    origin = origin or job.path(origins.name(spec, parts))
    if origins.root(spec).exists() and not origin.exists():
        compare(spec, job, parts)
        origins.record(origin, origins.root(spec), parts)


def compare(spec: specs.Data, job: Job, parts: tuple[str, ...] = origins.PARTS) -> None:
    """Read all files of the folder that `spec` names; arguments and errors as for `confirm`."""
    root = origins.root(spec)
    stored = payloads.load_dataset(job.path(PAYLOAD), spec)
    others = [place for place in origins.known(job.folder) if place != os.path.realpath(root)]
    if isinstance(stored, StreamedDataset) and stored.train.digests is None:
        # What it was read from says what is in it, if that is still there.
        before = next((Path(place) for place in others if Path(place).is_dir()), None)
        if before is None:
            _compare(spec, stored, parts, job, others)
        stored = _with_digests(replace(stored, root=before or root), job, parts)
    _compare(spec, stored, parts, job, others)
    say(f"{root} holds what {job.folder} was read from")


def _with_digests(stored: StreamedDataset, job: Job, parts: tuple[str, ...]) -> StreamedDataset:
    """A data set of a version that kept no digests, with them."""
    if job.switches.frozen:  # nothing is written beside artifacts
        return _inspected(stored, job, None, parts, by_old_code=True)
    notes = inspection.Notes(job.path(NOTES))
    stored = _inspected(stored, job, notes, parts, by_old_code=True)
    _save_digests(stored, job.folder)
    notes.delete()
    return stored


def _read(spec: specs.Data, job: Job) -> AnyDataset:
    """The data set that a spec names, if nothing is wrong with it."""
    if spec.of is None:
        whole = _loaded(spec)
        return without_validation(whole, spec.validation, spec.seed) if spec.validation else whole
    if spec.role == "validation":
        return validation(_loaded(spec), spec.of.validation, spec.of.seed)
    base = payloads.load_dataset(job.payload_path(spec.of), spec.of)
    if spec.role == "ood":
        return outside(base, _loaded(spec))
    return _shifted(spec, base)


def _shifted(spec: specs.Data, base: AnyDataset) -> AnyDataset:
    """The test images of a data set in another form."""
    base = replace(base, train=without_images(base.train), role=spec.role)  # type: ignore[arg-type]
    dataset = stored_datasets.shifted(spec, base)
    same = isinstance(dataset, type(base)) and (
        torch.equal(dataset.test.labels, base.test.labels)
        and torch.equal(dataset.test.ids, base.test.ids)
    )
    if not same:
        raise PipelineError(
            f"{spec.dataset}: `shifted` returned other labels or ids than those of the test images"
        )
    dataset.check()
    return dataset


def _loaded(spec: specs.Data) -> AnyDataset:
    """What the data set's reader returns, if nothing is wrong with it."""
    access = dict(spec.access)
    path = Path(access.pop("path")) if "path" in access else None
    dataset = DATASETS.load(spec.dataset).load(path, **access, **dict(spec.options))
    found = list(faults(dataset))
    for fault in found:
        say(f"{spec.dataset}: {fault}")
    if found:
        more = f" (and {len(found) - 1} more above)" if len(found) > 1 else ""
        raise PipelineError(
            f"{spec.dataset}: `load` returned what cannot be used: {found[0]}{more}"
        )
    return dataset  # type: ignore[no-any-return]


def _inspected(
    dataset: StreamedDataset,
    job: Job,
    notes: inspection.Notes | None,
    parts: tuple[str, ...] = origins.PARTS,
    *,
    by_old_code: bool = False,
) -> StreamedDataset:
    """The same data set with the digest of every file, each of which was decoded.

    Faults are told of the `parts` that matter; elsewhere, a file with a fault has no digest.
    """
    decode = decoder(dataset.decoder, orient=dataset.orient)
    if by_old_code:
        decode = refusing_wide(decode)
    faulty: list[str] = []

    def read(name: str, part: ImageFiles) -> ImageFiles:
        what = f"{comparing.PARTS[name]} files"
        digests, wrong = inspection.inspect(
            dataset.root, part, what, decode=decode, threads=job.threads, notes=notes
        )
        if name in parts:
            faulty.extend(f"{dataset.root / part.name(row)}: {why}" for row, why in wrong.items())
        return replace(part, digests=digests)

    found = replace(dataset, train=read("train", dataset.train), test=read("test", dataset.test))
    inspection.refuse(faulty, job.path(REPORT))
    return found


def _refuse_another_root(spec: specs.Data, dataset: StreamedDataset) -> None:
    """Raise PipelineError where later stages would look for the files elsewhere."""
    root = origins.root(spec)
    if os.path.realpath(dataset.root) != os.path.realpath(root):
        raise PipelineError(
            f"{spec.dataset}: `load` read {dataset.root}, but later stages look into {root}; give "
            f"`path: {dataset.root}` in the study"
        )


def _save_digests(dataset: StreamedDataset, folder: Path) -> None:
    arrays = {}
    for name in origins.PARTS:
        digests = getattr(dataset, name).digests
        assert isinstance(digests, torch.Tensor)
        arrays[name] = digests.numpy()
    origins.save_digests(folder, arrays, origins.listing(dataset.train, dataset.test))


def _compare(
    spec: specs.Data,
    stored: AnyDataset,
    parts: tuple[str, ...],
    job: Job,
    others: list[str],
) -> None:
    """Raise PipelineError unless the folder that `spec` names holds what is stored."""
    root = origins.root(spec)
    try:
        different = comparing.differences(stored, _read(spec, job), parts, job.threads)
    except PipelineError as error:
        different = dict.fromkeys(parts, str(error))
    if different:
        before = f"({others[0]})" if others else "before"
        found = "; ".join(dict.fromkeys(different.values()))
        only_test = "`test_version:` (networks are kept) or " if set(different) == {"test"} else ""
        raise PipelineError(
            f"{root} does not hold what {job.folder} was read from {before}: {found}; if both are "
            "wanted, give this one a `label:` in the study; if files were replaced for good, raise "
            f"{only_test}`version:`"
        )


def _refuse_other_training_files(spec: specs.Data, dataset: AnyDataset, job: Job) -> None:
    """Raise PipelineError where `test_version` was raised and training files were replaced, too.

    The networks were trained with those of the first test version.
    """
    first = replace(spec, test_version=1)
    folder = job.switches.artifacts / paths.folder(first)
    if spec.test_version == 1 or not (folder / paths.MANIFEST).exists():
        return
    stored = payloads.load_dataset(folder / PAYLOAD, spec)
    different = comparing.differences(stored, dataset, ("train",), job.threads)
    if different:
        raise PipelineError(
            f"{origins.root(spec)}: {different['train']}, compared with {folder}; "
            "`test_version:` is for other test files alone, raise `version:`"
        )
