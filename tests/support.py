"""A project for tests of the real workflow: a copy of the code, and a tiny study."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

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
    "resrep": {"epochs": 1, "drop_last": True},
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

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def environment(self) -> dict[str, str]:
        """Where commands find this project's code."""
        return os.environ | {
            "PYTHONPATH": str(self.folder / "src"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this project's python, with this project's code."""
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def snakemake(self, *arguments: str, **changes: Any) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on the study, with some of its keys changed."""
        return self.call("snakemake", *self._study(changes), *arguments)

    def start(self, log: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake on the study, and leave it to the caller to end it."""
        with (self.folder / log).open("w") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "snakemake", *self._study({}), *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def _study(self, changes: Mapping[str, Any]) -> list[str]:
        (self.folder / "study.yaml").write_text(yaml.safe_dump(self.study | changes))
        return ["--configfile", "study.yaml"]

    def run(self, *arguments: str, **changes: Any) -> str:
        """Run Snakemake; it must succeed."""
        done = self.snakemake(*arguments, **changes)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self, *arguments: str, **changes: Any) -> Counter[str]:
        """What would run: ``prune digits/resnet18/plain-0/l1-0.5`` and the like."""
        printed = self.run("--dry-run", *arguments, **changes)
        return Counter(re.findall(r"^Job \d+: (\w.*)$", printed, re.MULTILINE))

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text in a source file of the package."""
        path = self.folder / "src" / "pipeline" / file
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new))


def snapshot(folder: Path) -> Mapping[str, tuple[int, int]]:
    """Size and time of every file under a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}
