"""Interrupted trainings go on and end with the bits of one that was left alone."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.cache import code_identity, history, manifests, paths, payloads, specs
from pipeline.cache.files import sha256
from pipeline.cache.history import Epoch
from pipeline.datasets import Dataset, ImageSet
from pipeline.engine.extension import Extension
from pipeline.engine.optimiser import SGD, ParameterGroup
from pipeline.engine.resume import SIGNALS, Progress, Resume, stop_requests
from pipeline.running.job import INTERRUPTED, Job
from pipeline.running.switches import Switches

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
DATA = specs.Data("digits")
RECIPE = specs.Recipe(60, batch_size=16, lr=0.02)
TRAIN = specs.Train(DATA, "resnet18", RECIPE, (("width", 1 / 16),), dropout=0.1)
L1 = specs.Prune(TRAIN, "l1", 0.5)
FINETUNE = specs.Finetune(L1, RECIPE)
RESREP = specs.Prune(TRAIN, "resrep", 0.5, (("schedule", "reach"),), recipe=RECIPE)

# Kill while the resume file is being written, instead of after so many seconds of training.
WRITING = -1.0


@dataclass
class Script:
    """One call of a stage's script."""

    root: Path
    spec: specs.Spec

    @property
    def folder(self) -> Path:
        return self.root / paths.folder(self.spec)

    def start(self) -> "subprocess.Popen[str]":
        script = str(SCRIPTS / "stage.py")
        spec = json.dumps(self.spec.to_json())
        return subprocess.Popen(
            [sys.executable, script, "--spec", spec, "--artifacts", str(self.root),
             "--fingerprint", self.spec.fingerprint, "--device", "cpu"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self) -> str:
        """Let it end by itself; it must succeed."""
        printed = self.start().communicate(timeout=300)[0]
        assert (self.folder / paths.MANIFEST).exists(), printed
        return printed

    def interrupt(self, number: signal.Signals, delay: float) -> int:
        """Start it and send it a signal some time after its first words; gives the exit code."""
        process = self.start()
        assert process.stdout is not None
        process.stdout.readline()
        if delay == WRITING:
            # It may end before it is caught, which counts as no interruption.
            while process.poll() is None and not list(self.folder.glob(f".{paths.RESUME}.*.tmp")):
                time.sleep(0.0005)
        else:
            time.sleep(delay)
        process.send_signal(number)
        process.communicate(timeout=60)
        return process.returncode


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of a training that was left alone, with its parent: random images, not digits."""
    root = tmp_path_factory.mktemp("untouched")
    folder = root / paths.folder(DATA)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (100, 3, 8, 8), dtype=torch.uint8, generator=generator)
    part = ImageSet(images, torch.arange(100) % 4, torch.arange(100))
    mean, std = (0.5, 0.5, 0.5), (0.3, 0.3, 0.3)
    (name,) = specs.Data.payload
    payloads.save_dataset(folder / name, Dataset(part, part, ("a", "b", "c", "d"), mean, std, 1))
    files = {name: sha256(folder / name)}
    manifests.Manifest(DATA.fingerprint, DATA.to_json(), files, {}).write(folder)
    Script(root, TRAIN).run()
    return root


def same_bits_after(
    root: Path,
    untouched: Path,
    spec: specs.Spec,
    interruptions: Sequence[tuple[signal.Signals, float]],
) -> list[int]:
    """Make a spec's artifact with interruptions, and compare it with the untouched one."""
    script = Script(root, spec)
    codes = [script.interrupt(*each) for each in interruptions]
    script.run()
    for name in spec.payload:
        assert sha256(script.folder / name) == sha256(untouched / paths.folder(spec) / name)
    left = {file.name for file in script.folder.iterdir()}
    assert left == {*paths.outputs(spec.stage), paths.HISTORY, paths.PROVENANCE, paths.LOCK}
    assert history.read(script.folder) == history.read(untouched / paths.folder(spec))
    return codes


def copy(source: Path, target: Path, *without: specs.Spec) -> Path:
    shutil.copytree(source, target)
    for spec in without:
        shutil.rmtree(target / paths.folder(spec))
    return target


def test_an_interrupted_training_has_the_bits_of_an_untouched_one(
    tmp_path: Path, untouched: Path
) -> None:
    root = copy(untouched, tmp_path / "interrupted", TRAIN)
    interruptions = [(signal.SIGKILL, WRITING), (signal.SIGTERM, 0.2), (signal.SIGINT, 0.2)]
    codes = same_bits_after(root, untouched, TRAIN, interruptions)
    assert codes == [-signal.SIGKILL, INTERRUPTED, INTERRUPTED]


@pytest.mark.slow
@pytest.mark.parametrize("spec", [TRAIN, FINETUNE, RESREP], ids=["train", "finetune", "resrep"])
def test_twenty_kills_change_no_bit(tmp_path: Path, untouched: Path, spec: specs.Spec) -> None:
    reference = copy(untouched, tmp_path / "reference")
    for each in (L1, spec):
        Script(reference, each).run()
    root = copy(reference, tmp_path / "killed", spec)
    dice = random.Random(spec.fingerprint)
    kills = 0
    while kills < 20:
        if (root / paths.folder(spec) / paths.MANIFEST).exists():
            shutil.rmtree(root / paths.folder(spec))
        delay = WRITING if kills % 2 else dice.uniform(0, 1.5)
        kills += Script(root, spec).interrupt(signal.SIGKILL, delay) == -signal.SIGKILL
    same_bits_after(root, reference, spec, [])


def make(folder: Path, stamp: str = "mine", width: int = 3) -> tuple[nn.Module, SGD, Resume]:
    torch.manual_seed(width)
    model = nn.Sequential(nn.Linear(width, 2), nn.BatchNorm1d(2))
    optimiser = SGD([ParameterGroup(list(model.parameters()), 0.9, 0.0)])
    return model, optimiser, Resume(folder, stamp, model, optimiser, Extension())


ENDED = (Epoch(0, 1 / 3, 0.1, 0.05, 1.5), Epoch(1, 0.2, 0.7, 0.025, 1.25))


def write(folder: Path) -> bytes:
    """A resume file of a step of training."""
    model, optimiser, resume = make(folder)
    model(torch.randn(4, 3)).square().sum().backward()
    optimiser.step(0.1)
    totals = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    resume.save(Progress(totals, 2, 5, 0.25, [*ENDED]))
    return (folder / paths.RESUME).read_bytes()


def test_a_resume_file_gives_back_what_was_written(tmp_path: Path) -> None:
    write(tmp_path)
    model, optimiser, resume = make(tmp_path)
    before = model.state_dict()["0.weight"].clone()
    found = resume.load(torch.device("cpu"))
    assert (found.epoch, found.step, found.totals.tolist()) == (2, 5, [1.0, 2.0, 3.0])
    assert found.seconds == 0.25
    assert [astuple(each) for each in found.history] == [astuple(each) for each in ENDED]
    assert not torch.equal(model.state_dict()["0.weight"], before)
    assert len(optimiser.state_dict()) == 4


@pytest.mark.parametrize(("stamp", "width"), [("another's", 3), ("mine", 4)])
def test_a_foreign_resume_file_is_not_continued(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stamp: str, width: int
) -> None:
    write(tmp_path)
    found = make(tmp_path, stamp, width)[2].load(torch.device("cpu"))
    assert (found.epoch, found.step, found.history) == (0, 0, [])
    assert "starting over: " in capsys.readouterr().out


def test_no_flipped_bit_is_continued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path)
    model, optimiser, resume = make(tmp_path)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for position in range(0, len(good), 7):
        bad = bytearray(good)
        bad[position] ^= 1 << position % 8
        (tmp_path / paths.RESUME).write_bytes(bad)
        found = resume.load(torch.device("cpu"))
        assert (found.epoch, found.step, found.history) == (0, 0, []), position
    assert capsys.readouterr().out.count("starting over: ") == len(range(0, len(good), 7))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(buffer.any() for buffer in optimiser.state_dict().values())


def test_the_stamp_tells_codes_and_parents_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(TRAIN, Switches(artifacts=tmp_path))
    stamps = [job.stamp]
    job.parents["digits/data~12345678"] = "a checksum"
    stamps.append(job.stamp)
    # Another digest may go by the same identity: the fingerprint, which is cached, stays.
    monkeypatch.setattr(code_identity, "digest", lambda unit: "another")
    stamps.append(job.stamp)
    # The network that a job trains on may be another's code.
    network = f"models.{TRAIN.architecture}"
    tuned = Job(specs.Finetune(specs.Prune(TRAIN, "l1", 0.5), TRAIN.recipe))
    for digest in ("one", "two"):
        monkeypatch.setattr(
            code_identity, "digest", lambda unit, d=digest: d if unit == network else ""
        )
        stamps.append(tuned.stamp)
    assert len(set(stamps)) == 5


def test_signals_do_what_they_did_once_a_training_is_over() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with stop_requests() as stop:
        for number in SIGNALS:
            os.kill(os.getpid(), number)
        assert stop == list(SIGNALS)
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_requests() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop == []
    finally:
        signal.signal(signal.SIGHUP, before)
