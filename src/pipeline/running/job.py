"""What every stage's script does around the stage: check, leave early, compute, sign.

A script is called with a spec as JSON and the fingerprint it was planned with. It refuses to run
if the present code gives another fingerprint, leaves at once if its artifact is there, checks its
parents against their manifests, computes, and writes the manifest last.
"""

import argparse
import contextlib
import fcntl
import gc
import hashlib
import importlib
import json
import os
import platform
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.cache import code_identity, files, manifests, paths, specs
from pipeline.cache.files import sha256
from pipeline.engine import Engine, Run
from pipeline.errors import Interrupted, PipelineError
from pipeline.registry import use_plugins
from pipeline.running import failure, gpu
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
        digests = [code_identity.digest(unit) for unit in self.spec.units()]
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
    os.environ.setdefault("OMP_NUM_THREADS", str(arguments.threads))
    stage = "job"
    try:
        use_plugins(arguments.plugins)
        spec = read_spec(arguments.spec)
        stage = spec.stage
        _run(spec, arguments)
    except PipelineError as error:
        sys.exit(f"{stage}: {error}")
    except (Interrupted, KeyboardInterrupt) as error:
        print(str(error) or "interrupted")
        sys.exit(INTERRUPTED)
    except OSError as error:
        sys.exit(f"{stage}: {error.filename or arguments.artifacts}: {error.strerror or error}")
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
    parser.add_argument("--plugins", type=Path, nargs="*", default=[])
    return parser.parse_args()


def _run(spec: specs.Spec, arguments: argparse.Namespace) -> None:
    begun = time.monotonic()
    if arguments.fingerprint not in (None, spec.fingerprint):
        raise PipelineError("planned from other code or another study; run snakemake again")
    job = Job(spec, Switches.from_arguments(arguments), threads=arguments.threads)
    switches = job.switches
    if _is_there(job):
        return
    job.folder.mkdir(parents=True, exist_ok=True)
    with _only_one(job.path(paths.LOCK)), contextlib.ExitStack() as stack:
        if _is_there(job):
            return
        for left_over in job.folder.glob(".*.tmp"):
            left_over.unlink()
        module = _import_quickly(f"pipeline.stages.{spec.stage}", arguments.threads)
        if spec.uses_gpu and switches.device == "auto":
            job.device = stack.enter_context(gpu.one_device(switches.jobs_per_gpu))
            gpu.check(job.device)
        stack.enter_context(gpu.memory_errors(job.device, switches.jobs_per_gpu))
        with failure.noted(job.folder):
            module.run(spec, job)
        _write_provenance(job, time.monotonic() - begun)
        _sign(job)
        job.path(paths.RESUME).unlink(missing_ok=True)


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


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold an artifact's lock: two processes must not train one model."""
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            raise PipelineError(
                f"{path.parent} is being made by {holder}; wait for it, or stop it and run "
                "snakemake again"
            ) from None
        except OSError as error:
            raise PipelineError(
                f"{path}: this file system has no locks ({error.strerror}), so two jobs could make "
                "one artifact at once; mount it with locks, or keep artifacts elsewhere: "
                "snakemake --config artifacts=PATH"
            ) from None
        lock.truncate(0)
        lock.write(_whoami())
        lock.flush()
        yield


def _whoami() -> str:
    """This process as a user can find it."""
    cluster_job = os.environ.get("SLURM_JOB_ID")
    within = f"SLURM job {cluster_job}, " if cluster_job else ""
    return f"{within}process {os.getpid()} on {socket.gethostname()}"


def _sign(job: Job) -> None:
    files = {name: sha256(job.path(name)) for name in job.spec.payload}
    manifest = manifests.Manifest(job.spec.fingerprint, job.spec.to_json(), files, job.parents)
    manifest.write(job.folder)


def _write_provenance(job: Job, seconds: float) -> None:
    """How it was made: nothing reads this to decide anything."""
    packages = ("torch", "torchvision", "numpy", "safetensors", "torch-pruning", "scikit-learn")
    provenance = {
        "wall_seconds": round(seconds, 3),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "host": socket.gethostname(),
        **_device(job),
        "threads": job.threads,
        "engine": str(job.engine) or "default",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
        "commit": _commit(),
    }
    files.write_json(job.path(paths.PROVENANCE), provenance)


def _device(job: Job) -> dict[str, Any]:
    if job.device == "cpu":
        return {"device": platform.processor() or platform.machine()}
    cuda = sys.modules["torch"].cuda
    return {
        "device": cuda.get_device_name(),
        "jobs_per_gpu": job.switches.jobs_per_gpu,
        "peak_gpu_memory_mb": cuda.max_memory_reserved() // 2**20,
    }


def _version(name: str) -> str | None:
    with contextlib.suppress(ImportError):
        return version(name)
    return None


def _commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--verify", "--quiet", "HEAD"]
    with contextlib.suppress(OSError):
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip() or None
    return None
