"""What every stage's script does around the stage: check, leave early, compute, sign.

A script is called with a spec as JSON and the fingerprint it was planned with. It refuses to run
if the present code gives another fingerprint, leaves at once if its artifact is there, checks its
parents against their manifests, computes, and writes the manifest last.
"""

import argparse
import contextlib
import gc
import hashlib
import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.cache import code_identity, manifests, origins, paths, specs
from pipeline.cache.files import sha256
from pipeline.cache.graph import ancestors
from pipeline.engine import Engine, Run
from pipeline.errors import Interrupted, PipelineError
from pipeline.registry import use_plugins
from pipeline.running import failure, gpu, loading, locks, provenance
from pipeline.running.switches import Switches

INTERRUPTED = 75  # sysexits.h: a temporary failure, try again


@dataclass
class Job:
    """Where a stage reads its parents and writes its files."""

    spec: specs.Spec
    switches: Switches = field(default_factory=Switches)
    device: str = "cpu"
    threads: int = 1
    parents: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where this stage's files go."""
        return self.switches.root(type(self.spec)) / paths.folder(self.spec)

    def path(self, name: str) -> Path:
        """Where one of this stage's files goes."""
        return self.folder / name

    @property
    def engine(self) -> Engine:
        """How networks are run."""
        return self.switches.engine

    @property
    def stamp(self) -> str:
        """Whose work in progress may be continued: this spec's, by this code, from these parents.

        Two digests of code can go by one identity, and a parent that was made again on a GPU can
        have other bits: the fingerprint tells neither apart, and a training must not mix them.
        """
        digests = [code_identity.digest(unit) for unit in units(self.spec)]
        text = json.dumps([self.spec.fingerprint, digests, self.parents], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def run(self) -> Run:
        """How this stage trains a network; to be asked for once all parents are read."""
        return Run(self.device, self.engine, self.folder, self.stamp)

    def payload_path(self, parent: specs.Spec) -> Path:
        """Where the file of a parent lies that this stage reads, checked against its manifest."""
        folder = self.switches.root(type(parent)) / paths.folder(parent)
        manifest = manifests.check(folder, parent)
        name = parent.payload[0]
        self.parents[paths.folder(parent)] = manifest.files[name]
        return folder / name


def main() -> None:
    """Make the artifact that the command line says; a PipelineError ends it in one line."""
    arguments = _arguments()
    loading.begin()
    stage = "job"
    try:
        use_plugins(arguments.plugins)
        spec = read_spec(arguments.spec)
        stage = spec.stage
        computing = 1 if spec.reads_files else arguments.threads
        os.environ.setdefault("OMP_NUM_THREADS", str(computing))
        _run(spec, arguments)
    except PipelineError as error:
        sys.exit(f"{stage}: {error}")
    except (Interrupted, KeyboardInterrupt) as error:
        print(str(error) or "interrupted")
        sys.exit(INTERRUPTED)
    except OSError as error:
        sys.exit(f"{stage}: {error.filename or 'a file'}: {error.strerror or error}")
    # All files are written and renamed by now; taking torch apart would cost a fifth of its import.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make one artifact.")
    parser.add_argument("--spec", required=True, help="the spec, as JSON")
    parser.add_argument("--fingerprint", help="the fingerprint that the spec was planned with")
    Switches.declare(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--origin", default="", help="note here that a data set's folder fits")
    parser.add_argument("--parts", nargs="+", default=origins.PARTS, help="its sets that matter")
    parser.add_argument("--plugins", type=Path, nargs="*", default=[])
    return parser.parse_args()


def _run(spec: specs.Spec, arguments: argparse.Namespace) -> None:
    begun = time.monotonic()
    if arguments.fingerprint not in (None, spec.fingerprint):
        raise PipelineError("planned from other code or another study; run snakemake again")
    switches = Switches.from_arguments(arguments)
    job = Job(spec, switches, threads=arguments.threads)
    if _is_there(job):
        _compare_folder(job, arguments)
        return
    job.folder.mkdir(parents=True, exist_ok=True)
    with locks.only_one(job.path(paths.LOCK)), contextlib.ExitStack() as stack:
        if _is_there(job):
            _compare_folder(job, arguments)
            return
        for left_over in job.folder.glob(".*.tmp"):
            left_over.unlink()
        _cover(job)
        module = _import_stage(job)
        if spec.uses_gpu and switches.device == "auto":
            job.device = stack.enter_context(gpu.one_device(switches.jobs_per_gpu))
            gpu.check(job.device)
        stack.enter_context(gpu.memory_errors(job.device, switches.jobs_per_gpu))
        try:
            with failure.noted(job.folder):
                module.run(spec, job)
                loading.check()
        except Interrupted:
            provenance.note_interrupted(job.folder, time.monotonic() - begun)
            raise
        provenance.write(
            job.folder,
            spec,
            switches,
            device=job.device,
            threads=job.threads,
            seconds=time.monotonic() - begun,
        )
        _sign(job)
        for name in (paths.RESUME, paths.ANCESTOR):
            job.path(name).unlink(missing_ok=True)


def units(spec: specs.Spec) -> list[str]:
    """The units of code of a spec and of all that it is made from, sorted."""
    return sorted({unit for each in ancestors([spec]).values() for unit in each.units()})


def _given_files(spec: specs.Spec) -> Iterator[str]:
    """What a study names by its path, whose content is checked elsewhere, and where data are."""
    yield "data"
    for each in ancestors([spec]).values():
        if isinstance(each, specs.Data):
            yield from (str(value) for name, value in each.access if name == "path")
        elif isinstance(each, specs.Train) and each.init_path:
            yield each.init_path


def read_spec(text: str) -> specs.Spec:
    """The spec that a JSON text holds; PipelineError if it holds none."""
    try:
        spec = specs.from_json(json.loads(text))
        paths.folder(spec)  # with its fingerprint: all fields are what they should be
    except PipelineError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise PipelineError(f"--spec is not a spec: {error!r}") from None
    return spec


def _is_there(job: Job) -> bool:
    with contextlib.suppress(PipelineError):
        manifests.check(job.folder, job.spec)
        print(f"{job.folder} is there already")
        return True
    return False


def _compare_folder(job: Job, arguments: argparse.Namespace) -> None:
    """See that a data set's artifact, which is there, is of the folder that the study names."""
    spec, origin = job.spec, arguments.origin
    if isinstance(spec, specs.Data) and (origin or not origins.is_known(job.folder, spec)):
        _cover(job)
        module = _import_stage(job)
        with failure.noted(job.folder):
            module.confirm(spec, job, tuple(arguments.parts), Path(origin) if origin else None)
            loading.check()


def _cover(job: Job) -> None:
    """Refuse code that the digests do not cover, from now on."""
    folders = (job.switches.artifacts, job.switches.results)
    loading.cover(units(job.spec), [*folders, *_given_files(job.spec)])


def _import_stage(job: Job) -> Any:
    threads = 1 if job.spec.reads_files else job.threads
    return _import_quickly(f"pipeline.stages.{job.spec.stage}", threads)


def _import_quickly(name: str, threads: int) -> Any:
    """Import a module with the garbage collector at rest: a third less time for torch."""
    gc.disable()
    module = importlib.import_module(name)
    gc.enable()
    gc.freeze()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
    return module


def _sign(job: Job) -> None:
    files = {name: sha256(job.path(name)) for name in job.spec.payload}
    manifest = manifests.Manifest(job.spec.fingerprint, job.spec.to_json(), files, job.parents)
    manifest.write(job.folder)
