"""Studies as files, as mappings and on Snakemake's command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from study.small import STUDY

from pipeline.errors import PipelineError
from pipeline.study import Study, reading


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "line 1 is not valid YAML"),
        ("a: 1\nb: 2\nc: {d: 3,\n  d: 4}", r"study.yaml, line 4: the key 'd' is given twice$"),
        ("study: a\nstudy: a", r"study.yaml, line 2: the key 'study' is given twice$"),
        ("a: 2001-99-99", "study.yaml is not valid YAML"),
        ("- 1", "does not hold a study"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_study(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "study.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(PipelineError, match=message):
        Study.load(file)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes("study: é".encode("latin-1"))
    with pytest.raises(PipelineError, match=r"study.yaml is not text in UTF-8"):
        Study.load(file)


def test_a_merged_key_is_given_once(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}")
    assert reading.read(file) == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}}


def test_a_study_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(f"# Größen\n{yaml.safe_dump(STUDY)}", encoding="utf-8")
    code = f"from pipeline.study import Study; print(Study.load({str(file)!r}).study)"
    command = [sys.executable, "-c", code]
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "tiny\n"


@pytest.mark.parametrize("text", ["5e-2", "5E-2", "0.5e-1", "5.e-2", "+5e-2", ".5e-1"])
def test_numbers_that_yaml_1_1_takes_for_text(tmp_path: Path, text: str) -> None:
    file = tmp_path / "study.yaml"
    given = STUDY | {"pruners": [{"name": "resrep", "lasso": "LASSO"}], "train": {"lr": "LR"}}
    content = yaml.safe_dump(given | {"sparsities": ["ONE"]})
    for name in ("LASSO", "LR", "ONE"):
        content = content.replace(name, text)
    file.write_text(content)
    study = Study.load(file)
    assert study.train.lr == 0.05
    assert study.sparsities == (0.05,)
    assert study.pruners[0].options == (("lasso", 0.05),)
    assert given["train"] == {"lr": "LR"}
    # What is handed on is the number.
    assert study.content["train"] == {"lr": 0.05}


def test_text_that_looks_like_a_number_stays_text() -> None:
    assert Study.load(STUDY | {"study": "5e-2"}).study == "5e-2"


def test_snakemakes_command_line_is_read_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("train: {epochs: 2, lr: 0.1}")
    # Snakemake 9.27 makes this of: --config 'sparsities=[0.5, 0.7]' seed=3 study=x
    # 'train={epochs: 3, augment: false}' 'pruners=[{name: l1, scope: layer}]' artifacts=
    given = {
        "sparsities": ["0.5", "0.7"], "seed": 3, "study": "x", "artifacts": None,
        "train": {"epochs": "3", "augment": "false"}, "pruners": [{"name": "l1", "scope": "layer"}],
    }  # fmt: skip
    config = given | {"train": {"lr": 0.1, "epochs": "3", "augment": "false"}, "dropout": 0.2}
    assert reading.configured(config, [file], given) == {
        "sparsities": [0.5, 0.7], "seed": 3, "study": "x", "artifacts": None, "dropout": 0.2,
        "train": {"lr": 0.1, "epochs": 3, "augment": False},
        "pruners": [{"name": "l1", "scope": "layer"}],
    }  # fmt: skip
    file.write_text("seed: 1\nseed: 2")
    with pytest.raises(PipelineError, match=r"study.yaml, line 2: the key 'seed' is given twice"):
        reading.configured(config, [file], given)


def test_paths_are_expanded_as_in_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("DISK", "/disk")
    monkeypatch.delenv("NOWHERE", raising=False)
    assert reading.expanded("path", "~/a") == "/home/me/a"
    assert reading.expanded("path", "$HOME/a") == "/home/me/a"
    assert reading.expanded("path", "${DISK}/a") == "/disk/a"
    assert reading.expanded("path", "a/~b") == "a/~b"
    for given, message in [
        ("", "path: is empty; name a path, or leave the key out"),
        (" ", "path: is empty"),
        ("$NOWHERE/a", "path: \\$NOWHERE/a: the variable \\$NOWHERE is not set"),
        ("${NOWHERE}", "the variable \\${NOWHERE} is not set"),
        ("~no-such-user/a", "path: ~no-such-user/a: there is no user of this name"),
    ]:
        with pytest.raises(PipelineError, match=message):
            reading.expanded("path", given)


def test_every_path_key_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", str(tmp_path))
    (tmp_path / "weights.pth").write_bytes(b"abc")
    plugin = tmp_path / "mine.py"
    plugin.write_text("def scores(model, groups, *, images=None, seed=0):\n    return {}\n")
    network = {"name": "resnet18", "init": {"plain-0": "$HERE/weights.pth"}}
    study = Study.load(
        STUDY
        | {
            "plugins": ["$HERE/mine.py"],
            "pruners": ["mine"],
            "datasets": [{"name": "imagefolder", "path": "$HERE/pictures"}],
            "architectures": [network],
        }
    )
    assert study.plugins == (plugin,)
    assert study.datasets[0].access == (("path", f"{tmp_path}/pictures"),)
    assert study.architectures[0].init[0][2] == f"{tmp_path}/weights.pth"
    for change, where in [
        ({"plugins": [""]}, r"plugins\[0\]"),
        ({"datasets": [{"name": "imagefolder", "path": ""}]}, r"datasets\[0\].path"),
        (
            {"architectures": [{"name": "resnet18", "init": {"plain-0": ""}}]},
            r"architectures\[0\].init.plain-0",
        ),
    ]:
        with pytest.raises(PipelineError, match=f"{where}: is empty"):
            Study.load(STUDY | change)
