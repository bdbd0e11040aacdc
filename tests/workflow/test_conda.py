"""``--sdm conda``: what Snakemake asks of conda can be made, and jobs run in what it makes."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from support import Project

# Stands for conda: an environment is one that pip could make of the file's lines, wherever the file
# was copied to; it holds the packages of these tests, but not the project's own.
CONDA = f"""#!{sys.executable}
import json, pathlib, subprocess, sys, yaml

match sys.argv[1:]:
    case ["info", "--json"]:
        prefix = pathlib.Path(__file__).parents[1]
        print(json.dumps({{"conda_prefix": str(prefix), "platform": "linux-64"}}))
    case ["--version"]:
        print("conda 26.1.0")
    case ["config", "--get", *_]:
        print(json.dumps({{"get": {{"channel_priority": "strict"}}}}))
    case ["env", "create", "--quiet", "--no-default-packages", "--file", file, "--prefix", folder]:
        given = yaml.safe_load(pathlib.Path(file).read_text())["dependencies"]
        (pip,) = [each["pip"] for each in given if isinstance(each, dict)]
        for line in pip:
            # What is no name of a package is looked for beside the copy of the file.
            if line.startswith("-") or "/" in line or line == ".":
                sys.exit(f"{{line}}: not found beside {{file}}")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        (packages,) = pathlib.Path(folder).glob("lib/python*/site-packages")
        used = "import pathlib, sys; pathlib.Path(sys.prefix, 'used').touch()"
        (packages / "packages.pth").write_text(f"{sysconfig.get_path("purelib")}\\n{{used}}")
    case ["clean", *_]:
        pass
    case other:
        sys.exit(f"conda {{other}}: not expected")
"""
ACTIVATE = 'export PATH="$1/bin:$PATH"\n'


@pytest.fixture
def conda(tmp_path: Path) -> Path:
    """The folder of the commands of a conda."""
    folder = tmp_path / "conda" / "bin"
    folder.mkdir(parents=True)
    (folder / "conda").write_text(CONDA)
    (folder / "conda").chmod(0o755)
    (folder / "activate").write_text(ACTIVATE)
    return folder


def test_jobs_run_in_the_environment_that_conda_makes(tmp_path: Path, conda: Path) -> None:
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    environment = project.environment
    del environment["PYTHONPATH"]
    done = subprocess.run(
        [sys.executable, "-m", *project.command("digits", "--sdm", "conda")],
        cwd=project.folder,
        env=environment | {"PATH": f"{conda}{os.pathsep}{environment['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(project.artifacts.glob("digits/data~*/images.safetensors"))) == 1
    assert len(list(project.folder.glob(".snakemake/conda/*/used"))) == 1
