"""How an artifact was made: nothing reads this to decide anything.

``provenance.json`` lies beside the payload and is in no fingerprint. `differing_versions` reads it
to say when artifacts that are compared come from different versions of what computes.
"""

import contextlib
import os
import platform
import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.cache import code_identity, files, paths
from pipeline.cache.specs import Spec
from pipeline.errors import PipelineError
from pipeline.registry import PACKAGE
from pipeline.running.switches import Switches

# What may change the bits of a network or of its predictions, and what else is worth knowing.
COMPUTING = ("torch", "torchvision", "torch-pruning")
PACKAGES = (*COMPUTING, "numpy", "safetensors", "scikit-learn")

# What processes took that were interrupted before the one that finishes their artifact.
INTERRUPTED = ".interrupted.json"
SECONDS = ("wall_seconds", "cpu_seconds")


def write(
    folder: Path, spec: Spec, switches: Switches, *, device: str, threads: int, seconds: float
) -> None:
    """Write beside an artifact how a job of this process, which took `seconds`, made it."""
    content = {
        **_with_interrupted(folder, seconds),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "host": socket.gethostname(),
        **_device(device, switches),
        "threads": threads,
        "engine": str(switches.engine) or "default",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "code": {unit: code_identity.identity(unit) for unit in spec.units()},
        "commit": commit(PACKAGE),
    }
    files.write_json(folder / paths.PROVENANCE, content)
    (folder / INTERRUPTED).unlink(missing_ok=True)


def note_interrupted(folder: Path, seconds: float) -> None:
    """Keep what a job of this process took that is interrupted, for `write` to count it."""
    with contextlib.suppress(OSError):  # a full disk must not hide that it was interrupted
        files.write_json(folder / INTERRUPTED, _with_interrupted(folder, seconds))


def _with_interrupted(folder: Path, seconds: float) -> dict[str, float]:
    """What this process took, and with it those that were interrupted before."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    found = (seconds, sum(each.ru_utime + each.ru_stime for each in used))
    content = _read(folder / INTERRUPTED)
    earlier = {name: each for name, each in content.items() if isinstance(each, int | float)}
    return {
        name: round(took + earlier.get(name, 0.0), 3)
        for name, took in zip(SECONDS, found, strict=True)
    }


def _device(device: str, switches: Switches) -> dict[str, Any]:
    if device == "cpu":
        return {"device": platform.processor() or platform.machine()}
    cuda = sys.modules["torch"].cuda
    return {
        "device": cuda.get_device_name(),
        "jobs_per_gpu": switches.jobs_per_gpu,
        "peak_gpu_memory_mb": cuda.max_memory_reserved() // 2**20,
    }


def _version(name: str) -> str | None:
    with contextlib.suppress(ImportError):
        return version(name)
    return None


def commit(folder: Path) -> str | None:
    """The commit that the files of a folder are from, with ``, edited`` where they differ.

    None if no repository tracks them: an installed package may lie within somebody else's.
    """
    tracked = _git(folder, "ls-files", "--error-unmatch", "--", "__init__.py")
    head = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD") if tracked else None
    if not head:
        return None
    changes = _git(folder, "status", "--porcelain", "--", ".")
    return f"{head}, edited" if changes else head


def _git(folder: Path, *command: str) -> str | None:
    """What git prints, without taking a lock; None if it fails or is not there."""
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    with contextlib.suppress(OSError):
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *command],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        return done.stdout.strip() if done.returncode == 0 else None
    return None


def read(folder: Path) -> Mapping[str, Any]:
    """How an artifact was made; empty if that is not recorded or is damaged."""
    return _read(folder / paths.PROVENANCE)


def _read(file: Path) -> Mapping[str, Any]:
    with contextlib.suppress(PipelineError):
        content = files.read_json(file)
        return content if isinstance(content, dict) else {}
    return {}


def differing_versions(folders: Iterable[Path]) -> list[str]:
    """One line per library whose versions differ among the artifacts that it computed.

    Scores are left out: they are computed from predictions, without these libraries.
    """
    found: dict[str, Counter[str]] = {name: Counter() for name in COMPUTING}
    for folder in folders:
        versions = read(folder).get("versions")
        if isinstance(versions, dict) and not folder.name.startswith("score~"):
            for name in COMPUTING:
                if isinstance(versions.get(name), str):
                    found[name][versions[name]] += 1
    return [
        f"made with different versions of {name}: "
        + ", ".join(f"{number} ({count:,})" for number, count in sorted(counts.items()))
        for name, counts in found.items()
        if len(counts) > 1
    ]
