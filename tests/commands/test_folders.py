"""verify --data: every file of a study's folders is read and compared with its digest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from commands.tree import Call
from support import TINY

from pipeline.cache import manifests, paths
from pipeline.cache.files import sha256
from pipeline.running.job import Job
from pipeline.running.plan import Plan
from pipeline.stages import data


def write(name: str, root: Path) -> Plan:
    content: dict[str, Any] = TINY | {
        "study": name, "datasets": [{"name": "imagefolder", "crop_size": 32, "path": str(root)}]
    }  # fmt: skip
    Path(f"{name}.yaml").write_text(yaml.safe_dump(content))
    return Plan.load(content)


def test_files_are_compared(call: Call, make_folder: Callable[..., Path], tmp_path: Path) -> None:
    root = make_folder()
    plan = write("pets", root)
    (spec,) = [each for each in plan.nodes.values() if each.stage == "data"]
    folder = plan.artifacts / paths.folder(spec)
    folder.mkdir(parents=True)
    data.run(spec, Job(spec, plan.switches))  # type: ignore[arg-type]
    files = {name: sha256(folder / name) for name in spec.payload}
    manifests.Manifest(spec.fingerprint, spec.to_json(), files, {}).write(folder)
    assert "--data: name the STUDY" in str(call("verify", "--data")[0])

    def last(study: str) -> tuple[int | str | None, list[str]]:
        status, lines = call("verify", "--data", f"{study}.yaml")
        return status, [line for line in lines if "planned and not there" not in line]

    _, lines = last("pets")
    assert lines[0] == f"{root} holds what {folder} was read from"
    assert "1 compared with all files of its folder" in lines[-1]
    # In its place, with the time that it had: nobody notices but this.
    file = root / "val" / "class1" / "2.jpg"
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)
    status, lines = last("pets")
    assert status == 1
    assert "1 of 6 test files are others, such as val/class1/2.jpg" in lines[0]
    root.rename(tmp_path / "elsewhere")
    _, lines = last("pets")
    assert "1 without a folder to compare" in lines[-1]
