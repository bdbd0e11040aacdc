"""What a job runs is what was digested: edits meanwhile, code by other ways, files beside it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pipeline.cache import manifests, paths, payloads, specs
from pipeline.cache.files import sha256
from pipeline.registry import MODELS, PRUNERS, UNCERTAINTIES

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
INFER = specs.Infer(specs.Train(specs.Data("digits"), "resnet18", specs.Recipe(1)))

# All predictions are right, unless a sign is turned.
METHOD = """
{lines}
from pipeline.uncertainty import compare

MODELS = "member"

def estimates(logits, *, clip: float = 0.0):
    return compare([({sign}) * each for each in logits], ("msp",), "msp", clip=clip)
"""


class Lab:
    """A copy of the package, predictions, and a plugin that scores them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plugins = folder / "plugins"
        self.artifacts = folder / "artifacts"
        self.fifo = folder / "fifo"
        os.mkfifo(self.fifo)
        for part in ("src", "workflow"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        place = self.artifacts / paths.folder(INFER)
        place.mkdir(parents=True)
        labels = np.arange(40) % 4
        file = place / "predictions.safetensors"
        logits = np.eye(4, dtype=np.float32)[None, labels] * 5
        payloads.save_predictions(file, logits, labels, np.arange(40))
        files = {file.name: sha256(file)}
        manifests.Manifest(INFER.fingerprint, INFER.to_json(), files, {}).write(place)

    @property
    def waits(self) -> str:
        """A statement at which a job waits until it is let go."""
        return f"open({str(self.fifo)!r}).read()"

    def write(self, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            file = self.plugins / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)

    def method(self, lines: str = "", sign: str = "1", name: str = "mine") -> None:
        self.write({f"{name}.py": METHOD.format(lines=lines, sign=sign)})

    def start(self, method: str = "mine", *others: str) -> "subprocess.Popen[str]":
        spec = specs.Score((INFER,), Path(method).name, bootstrap=0).to_json()
        command = [
            sys.executable,
            str(self.folder / "workflow" / "scripts" / "stage.py"),
            "--spec",
            json.dumps(spec),
        ]
        plugins = [str(self.plugins / f"{name}.py") for name in (method, *others)]
        if method != "msp":
            command += ["--plugins", *plugins]
        return subprocess.Popen(
            [*command, "--artifacts", str(self.artifacts)],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def accuracy(self, job: "subprocess.Popen[str]") -> float:
        """The accuracy that a job found; it must succeed."""
        _, complaint = job.communicate(timeout=100)
        assert job.returncode == 0, complaint
        (scores,) = self.artifacts.rglob("scores.json")
        content = json.loads(scores.read_text())
        shutil.rmtree(scores.parent)
        return float(content["definitions"]["msp"]["accuracy"]["value"])

    def refusal(self, job: "subprocess.Popen[str]") -> str:
        """The one line with which a job refuses; it must leave no result."""
        _, complaint = job.communicate(timeout=100)
        assert job.returncode == 1, complaint
        assert complaint.count("\n") == 1, complaint
        assert not list(self.artifacts.rglob("score~*/manifest.json"))
        return complaint


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_an_edit_before_the_import_that_is_undone_changes_nothing(lab: Lab) -> None:
    lab.method(f"{lab.waits}\nimport helper", "helper.SIGN")
    lab.write({"helper.py": "SIGN = 1"})
    job = lab.start()
    with lab.fifo.open("w"):  # The digests are taken, the helper is not loaded.
        lab.write({"helper.py": "SIGN = -1"})
    accuracy = lab.accuracy(job)
    lab.write({"helper.py": "SIGN = 1"})
    assert accuracy == 1


def test_nor_does_one_of_the_package(lab: Lab) -> None:
    uncertainty = lab.folder / "src" / "pipeline" / "uncertainty"
    late = uncertainty / "late.py"
    late.write_text("SIGN = 1")
    lines = f"{lab.waits}\nfrom pipeline.uncertainty.late import SIGN"
    (uncertainty / "msp.py").write_text(METHOD.format(lines=lines, sign="SIGN"))
    job = lab.start("msp")
    with lab.fifo.open("w"):
        late.write_text("SIGN = -1")
    accuracy = lab.accuracy(job)
    late.write_text("SIGN = 1")
    assert accuracy == 1


def test_nor_does_a_later_edit_of_what_is_loaded(lab: Lab) -> None:
    lab.method("import helper", "helper.sign()")
    lab.write({"helper.py": f"def sign():\n    {lab.waits}\n    return 1"})
    job = lab.start()
    with lab.fifo.open("w"):
        lab.write({"helper.py": "not even Python"})
        lab.method("import helper", "-1")
    lab.method("import helper", "helper.sign()")
    assert lab.accuracy(job) == 1


def test_byte_code_of_another_source_is_not_run(lab: Lab) -> None:
    file = lab.folder / "src" / "pipeline" / "uncertainty" / "msp.py"
    file.write_text(METHOD.format(lines="", sign="-1"))
    before = file.stat()
    # With the time and the size of the byte code's source, Python itself would run the byte code.
    compiled = [sys.executable, "-m", "compileall", "-q", "-f", str(file)]
    subprocess.run(compiled, check=True)
    file.write_text(METHOD.format(lines="", sign="+1"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert lab.accuracy(lab.start("msp")) == 1
    assert lab.accuracy(lab.start("msp")) == 1  # And from byte code of its own.


@pytest.mark.parametrize(("first", "accuracy"), [("mine", 1), ("others/yours", 0)])
def test_two_plugins_with_a_helper_of_one_name(lab: Lab, first: str, accuracy: float) -> None:
    for name, sign in (("mine", 1), ("others/yours", -1)):
        lab.write({f"{name}.py": "", f"{Path(name).parent}/helper.py": f"SIGN = {sign}"})
        lab.method("import helper", "helper.SIGN", name)
    second = "mine" if first != "mine" else "others/yours"
    assert lab.accuracy(lab.start(first, second)) == accuracy


@pytest.mark.parametrize("name", ["stage", "plot", "random"])
def test_a_helper_is_neither_a_script_nor_takes_pythons_place(lab: Lab, name: str) -> None:
    lab.method(f"from . import {name}\nimport random as python", f"{name}.SIGN")
    lab.write({f"{name}.py": "SIGN = 1"})
    assert lab.accuracy(lab.start()) == 1
    if name != "random":
        lab.method(f"import {name}", f"{name}.SIGN")
        assert lab.accuracy(lab.start()) == 1


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("import importlib\nhelper = importlib.import_module('hel' + 'per')",
         "plugins: helper is imported by a name that is not written out"),
        ("import importlib\nhelper = importlib.import_module('.hel' + 'per', __package__)",
         "helper.py is loaded, but no import statement of "),
        ("import sys\nsys.path.insert(0, 'elsewhere')\nimport foreign as helper",
         "elsewhere/foreign.py is loaded from a folder that was added to sys.path"),
        ("import importlib.util as u, pathlib\n"
         "s = u.spec_from_file_location('x', pathlib.Path(__file__).with_name('helper.py'))\n"
         "helper = u.module_from_spec(s)\ns.loader.exec_module(helper)",
         "helper.py is read, but no digest of code covers it"),
        ("import pathlib, types\nhelper = types.SimpleNamespace()\n"
         "exec(pathlib.Path(__file__).with_name('helper.py').read_text(), vars(helper))",
         "helper.py is read, but no digest of code covers it"),
        ("try:\n    import importlib\n    importlib.import_module('.hel' + 'per', __package__)\n"
         "except Exception:\n    pass\nclass helper: SIGN = 1",
         "helper.py is loaded, but no import statement of "),
        ("import importlib\nimportlib.import_module('pipeline.' + 'report.table')\n"
         "class helper: SIGN = 1",
         "report/table.py is loaded, but no import statement of"),
    ],
)  # fmt: skip
def test_code_that_no_digest_covers_is_refused(lab: Lab, lines: str, complaint: str) -> None:
    lab.method(lines, "helper.SIGN")
    lab.write({"helper.py": "SIGN = 1", "../elsewhere/foreign.py": "SIGN = 1"})
    assert complaint in lab.refusal(lab.start())


READ = """
from pathlib import Path
{declared}
def sign():
    {waits}
    return int(Path(__file__).with_name("sign.txt").read_text())
"""


def test_a_file_beside_a_plugin_is_declared_or_refused(lab: Lab) -> None:
    lab.write({"sign.txt": "1"})
    lab.method(READ.format(declared="", waits="pass"), "sign()")
    assert 'write DATA_FILES = ("sign.txt",)' in lab.refusal(lab.start())
    lab.method(READ.format(declared='DATA_FILES = ("sign.txt",)', waits="pass"), "sign()")
    assert lab.accuracy(lab.start()) == 1


def test_a_declared_file_that_changes_before_it_is_read_is_refused(lab: Lab) -> None:
    lab.write({"sign.txt": "1"})
    lab.method(READ.format(declared='DATA_FILES = ("sign.txt",)', waits=lab.waits), "sign()")
    job = lab.start()
    with lab.fifo.open("w"):
        lab.write({"sign.txt": "-1"})
    assert "sign.txt has changed since this job began" in lab.refusal(job)


def test_what_lies_beside_a_plugin_and_is_no_part_of_it_may_be_read(lab: Lab) -> None:
    # A plugin at the top of a project lies beside its artifacts, its data and its environment.
    lab.plugins = lab.folder
    reads = f"next(Path({str(lab.artifacts)!r}).rglob('predictions.safetensors')).read_bytes()"
    lines = f"from pathlib import Path\n{reads}\nPath('data/x').read_text()"
    lab.write({"data/x": "an image"})
    lab.method(f"{lines}\nPath('log').write_text('a line')")
    assert lab.accuracy(lab.start()) == 1


def test_scripts_load_all_that_computes_under_guard(lab: Lab) -> None:
    """Nothing that is not neutral is loaded before the guard is there."""
    code = (
        "import sys\nfrom pipeline.running import loading\n"
        "from pipeline.cache.closure import is_neutral\n"
        "print([name for name in sys.modules if name.startswith('pipeline.')"
        " and not is_neutral(name)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    for script in SCRIPTS.glob("*.py"):
        lines = script.read_text().splitlines()
        imports = [line.strip() for line in lines if "pipeline" in line and "import" in line]
        begins = next(line for line in lines if "loading.begin()" in line)
        early = [each for each in imports if lines.index(next(
            line for line in lines if line.strip() == each)) < lines.index(begins)]  # fmt: skip
        assert set(early) <= {
            "from pipeline.running import loading",
            "from pipeline.errors import PipelineError",
        }


def test_digests_cover_all_that_importing_the_stages_and_entries_loads() -> None:
    code = """
from pipeline.running import loading
loading.begin()
from pipeline.cache import code_identity
from pipeline.registry import REGISTRIES
from importlib import import_module
loading.cover(code_identity.units())
for unit in code_identity.units():
    if unit.startswith("stages."):
        import_module(f"pipeline.{unit}")
for registry in REGISTRIES:
    for name in registry.names():
        registry.load(name)
loading.check()
print(len(loading.GUARD.files))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


@pytest.mark.slow
@pytest.mark.parametrize("architecture", MODELS.names())
def test_digests_cover_all_that_jobs_load(tmp_path: Path, architecture: str) -> None:
    """Each stage with each entry, as a job of its own."""
    recipe = specs.Recipe(1, batch_size=256)
    data = specs.Data("digits")
    plain, dropout = (
        specs.Train(data, architecture, recipe, (("width", 1 / 16),), rate) for rate in (0.0, 0.1)
    )
    pruned = [
        specs.Prune(plain, name, 0.5, recipe=recipe if trains else None)
        for name in PRUNERS.names()
        for trains in [PRUNERS.function(name) == "prune_in_training"]
    ]
    finetuned = specs.Finetune(pruned[0], recipe)
    inferred = [specs.Infer(plain), specs.Infer(finetuned), specs.Infer(dropout, 2)]
    scores = [
        specs.Score(
            (inferred[2 if UNCERTAINTIES.constant(name, "MODELS") == "dropout" else 0],),
            name,
            bootstrap=0,
        )
        for name in UNCERTAINTIES.names()
    ]
    for spec in (data, plain, dropout, *pruned, finetuned, *inferred, *scores):
        command = [sys.executable, str(SCRIPTS / "stage.py"), "--artifacts", str(tmp_path)]
        content = json.dumps(spec.to_json())
        done = subprocess.run([*command, "--spec", content], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
