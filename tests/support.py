"""A project for tests of the real workflow: a copy of the code, and a tiny study."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from pipeline.cache import manifests
from pipeline.cache.files import sha256, write_bytes
from pipeline.running.plan import Plan

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "environment.yml", "profiles", "workflow", "src")

# Two members, one sparsity, a pruner that is fine-tuned and one that isn't.
TINY: dict[str, Any] = {
    "study": "tiny",
    "datasets": ["digits"],
    "architectures": [{"name": "resnet18", "width": 0.0625}],
    "pruners": ["l1", "resrep"],
    "sparsities": [0.5],
    "uncertainties": ["msp", "mc_dropout", "ensemble"],
    "ensemble_size": 2,
    "mc_samples": 2,
    "train": {"epochs": 2, "batch_size": 64, "lr": 0.05, "drop_last": True},
    "finetune": {"epochs": 1},
    "prune": {"epochs": 1, "drop_last": True},
    "score": {"bootstrap": 20},
    "figures": {"formats": ["png"], "dpi": 50},
}


class Project:
    """A folder with the pipeline's code, in which Snakemake runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source, target = ROOT / part, folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        self.study = deepcopy(TINY)

    def copy(self, folder: Path) -> "Project":
        """The same project, with all that it has made, in a folder that is empty."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        other = Project.at(folder)
        other.study = deepcopy(self.study)
        return other

    @staticmethod
    def at(folder: Path) -> "Project":
        """The project that lies in a folder, with the tiny study."""
        project = object.__new__(Project)
        project.folder, project.study = folder, deepcopy(TINY)
        return project

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def call(self, *command: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run a module of this project's python, with this project's code.

        What a command `before` it starts is a process of its own, anything else a fork.
        """
        if not before:
            return self._fork(*command)
        process = self.start(*command, before=before)
        try:
            printed, complained = process.communicate(timeout=600)
        finally:
            process.kill()  # nothing, where it has ended
        return subprocess.CompletedProcess(command, process.returncode, printed, complained)

    def _fork(self, *command: str) -> subprocess.CompletedProcess[str]:
        """The same in a fork of a process that has imported the libraries."""
        with TemporaryDirectory() as folder:
            printed, complained = Path(folder, "printed"), Path(folder, "complained")
            call = {
                "folder": str(self.folder),
                "environment": self.environment,
                "command": command,
                "printed": str(printed),
                "complained": str(complained),
            }
            server = _snakemake()
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps(call) + "\n")
            server.stdin.flush()
            status = int(server.stdout.readline())
            return subprocess.CompletedProcess(
                command, status, printed.read_text(), complained.read_text()
            )

    @property
    def environment(self) -> dict[str, str]:
        """Where commands find this project's code."""
        keeping_byte_code = {
            name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
        }
        return keeping_byte_code | {
            "PYTHONPATH": str(self.folder / "src"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def start(
        self, *command: str, before: tuple[str, ...] = (), log: str | None = None
    ) -> "subprocess.Popen[str]":
        """Start a command in a process group of its own, without waiting for it.

        What it prints goes to pipes, or into a file of this folder.
        """
        with ExitStack() as stack:
            file = stack.enter_context((self.folder / log).open("w")) if log else None
            return subprocess.Popen(
                [*before, sys.executable, "-m", *command],
                cwd=self.folder,
                env=self.environment,
                start_new_session=True,
                stdout=file or subprocess.PIPE,
                stderr=subprocess.STDOUT if file else subprocess.PIPE,
                text=True,
            )

    def write(self, name: str = "study", **changes: Any) -> str:
        """Write a study with some of its keys changed; returns the file's name."""
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(self.study | changes))
        return f"{name}.yaml"

    def snakemake(self, *arguments: str, **changes: Any) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on the study, with some of its keys changed."""
        return self.call(*self.command(*arguments, **changes))

    def command(self, *arguments: str, **changes: Any) -> list[str]:
        """The command that runs Snakemake on the study, with some of its keys changed."""
        return ["snakemake", "--cores", "2", *arguments, "--configfile", self.write(**changes)]

    def run(self, *arguments: str, **changes: Any) -> str:
        """Run Snakemake; it must succeed."""
        done = self.snakemake(*arguments, **changes)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def dry_run(self, *arguments: str, **changes: Any) -> tuple[int, str]:
        """What ``snakemake -n`` ends with, and what it prints."""
        study = self.write(**changes)
        done = self.call("snakemake", "--configfile", study, "--dry-run", *arguments)
        return done.returncode, done.stdout + done.stderr

    def planned(self, *arguments: str, **changes: Any) -> Counter[str]:
        """What would run: ``prune digits/resnet18/plain-0/l1-0.5`` and the like."""
        status, printed = self.dry_run(*arguments, **changes)
        assert status == 0, printed
        return Counter(re.findall(r"^Job \d+: (\w.*)$", printed, re.MULTILINE))

    def plan(self, **changes: Any) -> Plan:
        """The study's plan, with some of its keys changed."""
        return Plan.load({**self.study, **changes, "artifacts": str(self.artifacts)})

    def pretend(self, **changes: Any) -> None:
        """Write the files that a run of the study would still write, with nothing in them."""
        plan = self.plan(**changes)
        for name, spec in plan.nodes.items():
            folder, files = plan.artifacts / name, {}
            if not plan.is_there(spec):
                for file in spec.payload:
                    write_bytes(folder / file, file.encode())
                    files[file] = sha256(folder / file)
                manifests.Manifest(spec.fingerprint, spec.to_json(), files, {}).write(folder)
        plan.study_folder.mkdir(parents=True, exist_ok=True)
        for old in plan.study_folder.glob(".plot~*"):
            old.unlink()
        for file in plan.report_files:
            file.touch()

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text in a source file of the package, once."""
        path = self.folder / "src" / "pipeline" / file
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new, 1))


@cache
def _snakemake() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("snakemake_server.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def jobs(text: str) -> Counter[str]:
    """Jobs, a line each; ``{a,b}`` stands for ``a`` and for ``b``, as in a shell."""
    found = [line.strip() for line in text.splitlines() if line.strip()]
    while any("{" in line for line in found):
        found = [
            re.sub(r"\{[^{}]*\}", choice, line, count=1)
            for line in found
            for choice in (re.findall(r"\{([^{}]*)\}", line) or [""])[0].split(",")
        ]
    return Counter(found)


def snapshot(folder: Path) -> Mapping[str, tuple[int, int]]:
    """Size and time of every file under a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def is_alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not waited for is there, but does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return when `condition` holds; after so many seconds, say what didn't come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.3)
