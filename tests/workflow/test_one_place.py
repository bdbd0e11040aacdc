"""What a newcomer adds is in one place: nothing else has to be touched for it."""

import re
from pathlib import Path

import pytest
from examples import under
from support import Project

SPEC, MODULE = under("A stage")
NEXT = "@dataclass(frozen=True)\nclass Check(Spec):\n"

# Networks that were trained on another fold of the training images.
FOLDS = (
    ("    member: int = 0\n", "    member: int = 0\n    fold: int = 0\n"),
    ("    ensemble_size: int = 5\n", "    ensemble_size: int = 5\n    folds: int = 1\n"),
    ('scalars = ("study", ', 'scalars = ("study", "folds", '),
    ("for architecture in self.architectures:\n",
     "for architecture, fold in product(self.architectures, range(self.folds)):\n"),
    ("(data, architecture, method, replicate):", "(data, architecture, method, replicate, fold):"),
    ("                                member=member,\n",
     "                                member=member, fold=fold,\n"),
    ("        method: entries.Entry,\n        replicate: int,\n",
     "        method: entries.Entry,\n        replicate: int,\n        fold: int,\n"),
    ("0.0, member, replicate)", "0.0, member, replicate, fold)"),
    ("self.dropout, 0, replicate)", "self.dropout, 0, replicate, fold)"),
    ("        member: int,\n        replicate: int,\n",
     "        member: int,\n        replicate: int,\n        fold: int,\n"),
    ("            replicate=replicate,\n        )  # fmt: skip\n",
     "            replicate=replicate, fold=fold,\n        )  # fmt: skip\n"),
)  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    """Every source file of a project."""
    parts = [*(folder / "src").rglob("*"), *(folder / "workflow").rglob("*"),
             *(folder / "profiles").rglob("*"), *folder.glob("*")]  # fmt: skip
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in parts
        if file.is_file() and "__pycache__" not in file.parts and file.name != "study.yaml"
    }


def add(project: Project, name: str, content: str) -> None:
    (project.folder / name).write_text(content)


def test_a_stage_is_its_spec_its_module_its_rule_and_its_line_in_the_profile(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path)
    before = contents(tmp_path)
    profile = "../../profiles/slurm/profile.yaml"
    project.edit("cache/specs/data.py", NEXT, f"{SPEC}\n\n{NEXT}")
    # Trainings wait for it.
    project.edit("cache/specs/networks.py", "import Data, Options", "import Data, Inspect, Options")
    project.edit(
        "cache/specs/networks.py",
        '        """The data set."""\n        return self.parents()\n',
        '        """The data set."""\n        return [self.data, Inspect(self.data)]\n',
    )
    add(project, "src/pipeline/stages/inspect.py", MODULE)
    rule = (tmp_path / "workflow/rules/data.smk").read_text()
    rule = re.sub(r"\bdata\b", "inspect", rule).replace("read {", "inspect {")
    add(project, "workflow/rules/inspect.smk", rule)
    project.edit(profile, "  score: {runtime: 10}\n", "  score: {runtime: 10}\n  inspect: {}\n")
    after = contents(tmp_path)
    assert {name for name in after if after[name] != before.get(name)} == {
        "profiles/slurm/profile.yaml",
        "src/pipeline/cache/specs/data.py",
        "src/pipeline/cache/specs/networks.py",
        "src/pipeline/stages/inspect.py",
        "workflow/rules/inspect.smk",
    }

    planned = project.planned()
    assert sum(planned.values()) == 32 + 1 + 2
    assert planned["inspect digits"] == 1
    assert project.planned("--until", "train")["train digits/resnet18/plain-0"] == 1

    project.run("digits")
    (folder,) = (project.artifacts / "digits").glob("inspect~*")
    assert (folder / "summary.json").exists()
    assert not list(project.artifacts.rglob("train~*"))
    status = project.call("pipeline", "status", "study.yaml").stdout.splitlines()
    assert [line.split()[:4] for line in status if line.startswith("inspect")] == [
        ["inspect", "1", "0", "0"]
    ]
    where = project.call("pipeline", "where", "study.yaml", "digits").stdout.splitlines()
    assert f"artifacts/digits/{folder.name}" in where
    verified = project.call("pipeline", "verify")
    assert verified.stdout == "0 problems in 2 artifacts\n"
    (folder / "summary.json").write_text("{}")
    assert (
        "summary.json is not the file that was written"
        in project.call("pipeline", "verify").stderr + project.call("pipeline", "verify").stdout
    )
    # What waited for it was not made from it.
    forgot = project.call("pipeline", "forget", f"artifacts/digits/{folder.name}", "--dry-run")
    assert "1 artifact, " in forgot.stdout


def test_an_axis_is_a_field_of_a_spec_the_grid_and_the_schema(tmp_path: Path) -> None:
    project = Project(tmp_path)
    before = project.plan()
    sources = contents(tmp_path)
    project.edit(
        "cache/specs/networks.py",
        "    init_path: str | None = field",
        "    fold: int = 0\n    init_path: str | None = field",
    )
    project.edit(
        "cache/specs/networks.py",
        'return f"{self.data.place}/{self.architecture}{again}"',
        'fold = f"/fold{self.fold}" if self.fold else ""\n'
        '        return f"{self.data.place}/{self.architecture}{again}{fold}"',
    )
    study = tmp_path / "src/pipeline/study"
    (grid,) = [file for file in study.glob("*.py") if "class Combination" in file.read_text()]
    for old, new in FOLDS:
        project.edit(f"study/{grid.name}", old, new)
    project.edit(
        "study/schema.yaml",
        "  ensemble_size:\n",
        "  folds: { type: integer, minimum: 1 }\n  ensemble_size:\n",
    )
    after = contents(tmp_path)
    assert {name for name in after if after[name] != sources.get(name)} == {
        "src/pipeline/cache/specs/networks.py",
        f"src/pipeline/study/{grid.name}",
        "src/pipeline/study/schema.yaml",
    }

    # Nothing that was made before is made anew.
    project.write()
    listed = project.call("pipeline", "where", "study.yaml").stdout.split("\n")
    assert {line.split(" ")[0] for line in listed if line} == {
        f"artifacts/{name}" for name in before.nodes
    }
    planned = project.planned(folds=2)
    assert planned["train digits/resnet18/fold1/plain-0"] == 1
    assert planned["score digits/resnet18/fold1/ensemble/l1-0.5"] == 1
    assert sum(planned.values()) == 1 + 1 + 2 * 30 + 2
    status = project.call("pipeline", "status", "study.yaml").stdout.splitlines()
    lines = [line.split()[:7] for line in status[:18]]
    assert lines[0] == ["digits", "resnet18", "none", "0", "msp", "fold", "0"]
    assert lines[-1] == ["digits", "resnet18", "resrep", "0.5", "ensemble", "fold", "1"]


@pytest.mark.parametrize("stage", ["data", "check", "prune", "finetune", "infer", "score"])
def test_the_rules_differ_only_in_their_words(stage: str) -> None:
    rules = Path(__file__).parents[2] / "workflow" / "rules"

    def bare(name: str) -> list[str]:
        lines = (rules / f"{name}.smk").read_text().splitlines()
        return [
            line.replace(f'"{name}"', "STAGE").replace(f"rule {name}:", "rule STAGE:")
            for line in lines
            if '"""' not in line and "wildcards.place" not in line
        ]

    assert bare(stage) == bare("train")
