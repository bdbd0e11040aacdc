"""Every reader, fed what is no file of the pipeline: one line that says so, and nothing is run."""

import io
import json
import os
import pickle
import random
import resource
import struct
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import save as to_safetensors
from torch import nn

from pipeline.cache import code_identity, files, manifests, paths, payloads, specs
from pipeline.cache.files import sha256
from pipeline.cache.graph import descendants
from pipeline.datasets import Dataset, ImageSet
from pipeline.engine.extension import Extension
from pipeline.engine.optimiser import SGD, ParameterGroup
from pipeline.engine.resume import Progress, Resume
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.models.shared.weights import given_weights
from pipeline.report import results
from pipeline.running.job import read_spec
from pipeline.running.plan import Plan
from pipeline.running.rules import Rules
from pipeline.study import Combination, Study

SPEC = specs.Finetune(
    specs.Prune(
        specs.Train(specs.Data("digits"), "resnet18", specs.Recipe(2), (("width", 0.5),)), "l1", 0.4
    ),
    specs.Recipe(1),
)
STUDY: dict[str, Any] = {
    "study": "s",
    "datasets": [{"name": "digits", "version": 2}],
    "architectures": [{"name": "resnet18", "width": 0.125}],
    "pruners": ["l1", {"name": "hrank", "batches": 2}],
    "sparsities": [0.4],
    "uncertainties": ["msp"],
    "train": {"epochs": 2, "schedule": "cosine"},
    "score": {"bins": [15], "bootstrap": 20},
    "figures": {"formats": ["png"]},
}
SWITCHES = {"frozen": False, "artifacts": "a", "output": "b", "device": "cpu", "jobs_per_gpu": 2,
            "engine": "compile=true"}  # fmt: skip
SCORES = {
    "models": [{"parameters": 10, "macs": 20}],
    "samples": 1,
    "images": 4,
    "default": "msp",
    "definitions": {"msp": {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}},
}

VALUES: list[Any] = [
    None, True, -1, 0, 3, 2**70, 1e308, float("nan"), "", "x", "\0", "é\ud800", [], {}, [[]],
    {"a": {}}, [1, "a", None], {"stage": "data", "dataset": "digits"}, "9" * 400, "../../etc",
]  # fmt: skip
TOKENS = [b"null", b"{", b"}", b"[", b'"', b"1e999", b"NaN", b"-", b"\0", b"\n", b": ", b"\xff\xfe",
          b"9" * 30, b"2001-99-99", b"!!python/name:os.system ", b"&a [*a]",
          b"\x80\x04."]  # fmt: skip


@dataclass
class Reader:
    """A reader, what it reads of its own, and how many inputs it gets."""

    name: str
    read: Callable[[Path], object]
    sample: bytes
    count: int


def _dataset() -> Dataset:
    images = torch.arange(8 * 48, dtype=torch.int64).remainder(256).to(torch.uint8)
    part = ImageSet(images.reshape(8, 3, 4, 4), torch.arange(8) % 2, torch.arange(8))
    return Dataset(part, part, ("a", "b"), (0.5, 0.5, 0.5), (0.3, 0.3, 0.3))


def _resume(folder: Path) -> Resume:
    model = nn.Linear(3, 2)
    optimiser = SGD([ParameterGroup(list(model.parameters()), 0.9, 0.0)])
    return Resume(folder, "mine", model, optimiser, Extension())


def _continues(path: Path) -> object:
    path.replace(path.with_name(paths.RESUME))
    return _resume(path.parent).load(torch.device("cpu"))


def _weights(path: Path) -> object:
    return given_weights(sha256(path), str(path))


def _safetensors(path: Path) -> object:
    path = path.replace(path.with_suffix(".safetensors"))
    return _weights(path)


def _manifest(path: Path) -> object:
    path = path.replace(path.with_name(paths.MANIFEST))
    manifest = manifests.read_manifest(path.parent)
    spec = manifests.recorded_spec(manifest)
    manifests.is_finished(path.parent, SPEC)
    list(descendants(path.parent, ()))
    return manifests.check(path.parent, spec or SPEC)


def _combination(scores: Path, curves: Path) -> Any:
    """What stands for `results.Scores` whose files have names of their own."""
    combination = Combination(
        dataset="d", architecture="a", pruner="none", sparsity=0.0, uncertainty="msp",
        score=specs.Score((), "msp"),
    )  # fmt: skip
    return SimpleNamespace(combination=combination, path=scores, curves=curves, other_copies=())


def _scores(path: Path) -> object:
    return results.tidy([_combination(path, path)])


def _curves(path: Path) -> object:
    scores = path.with_name("good.json")
    scores.write_text(json.dumps(SCORES))
    combination = _combination(scores, path)
    return results.read_curves(combination), results.read_resamples([combination])


def _scores_of_curves(path: Path) -> object:
    curves = path.with_name("good.npz")
    if not curves.exists():
        curves.write_bytes(_npz())
    return results.read_curves(_combination(path, curves))


def _npz() -> bytes:
    buffer = io.BytesIO()
    arrays = {"msp/predicted": np.zeros(51), "msp/oracle": np.zeros(51)}
    np.savez_compressed(
        buffer, **arrays, **{"msp/reliability": np.ones((15, 3)), "msp/resamples/ece": np.ones(4)}
    )
    return buffer.getvalue()


def _torch_file(content: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def _saved(folder: Path, save: Callable[[Path], object]) -> bytes:
    path = folder / "saved"
    save(path)
    return path.read_bytes()


def readers(folder: Path) -> list[Reader]:
    state = {"weight": torch.ones(2, 3), "count": torch.tensor(3)}
    predictions = np.zeros((1, 4, 3), np.float32), np.arange(4), np.arange(4)
    resume = _resume(folder)
    resume.save(Progress(torch.zeros(3, dtype=torch.float64), epoch=1, step=2))
    manifest = manifests.Manifest(
        SPEC.fingerprint, SPEC.to_json(), {"model.safetensors": "0" * 64}, {"a/b": "1" * 64}
    )
    manifest.write(folder)

    def model(path: Path) -> None:
        payloads.save_model(path, build("resnet18", 2, width=1 / 64, image_size=4))

    return [
        Reader("read_arrays", files.read_arrays,
               _saved(folder, lambda p: files.write_arrays(p, {"a": np.ones(2)}, {"b": 1})),
               1500),
        Reader("load_predictions", payloads.load_predictions,
               _saved(folder, lambda p: payloads.save_predictions(p, *predictions)), 1500),
        Reader("load_dataset", payloads.load_dataset,
               _saved(folder, lambda p: payloads.save_dataset(p, _dataset())), 1000),
        Reader("load_model", payloads.load_model, _saved(folder, model), 150),
        Reader("read_json", files.read_json, json.dumps(SCORES).encode(), 500),
        Reader("manifest", _manifest, (folder / paths.MANIFEST).read_bytes(), 1500),
        Reader("spec", lambda path: read_spec(path.read_text(errors="surrogateescape")),
               json.dumps(SPEC.to_json()).encode(), 1000),
        Reader("study", Study.load, yaml.safe_dump(STUDY).encode(), 200),
        Reader("code.lock", code_identity.recorded.__wrapped__,
               b"# units\nstages.train 1234abcd 1234abcd\nstages.train 1234abcd 0000ffff\n", 500),
        Reader("scores", _scores, json.dumps(SCORES).encode(), 500),
        Reader("scores of curves", _scores_of_curves, json.dumps(SCORES).encode(), 500),
        Reader("curves", _curves, _npz(), 700),
        Reader("resume", _continues, (folder / paths.RESUME).read_bytes(), 1000),
        Reader("weights.pth", _weights, _torch_file(state), 500),
        Reader("legacy weights.pth", _weights,
               _torch_file(state, _use_new_zipfile_serialization=False), 500),
        Reader("weights.safetensors", _safetensors, to_safetensors(state), 500),
    ]  # fmt: skip


def mutate(dice: random.Random, sample: bytes) -> bytes:
    """Random bytes, or a sample with some of it changed: bytes, values, or its size."""
    kind = dice.random()
    if kind < 0.1:
        return dice.randbytes(dice.choice((0, 1, 8, 100, 3000)))
    if kind < 0.4:
        return _changed_values(dice, sample)
    content = bytearray(sample)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(content) + 1)
        match dice.randrange(5):
            case 0 if at < len(content):
                content[at] = dice.randrange(256)
            case 1 if at < len(content):
                content[at] ^= 1 << dice.randrange(8)
            case 2:
                content[at:at] = dice.choice(TOKENS)
            case 3:
                content[at : at + dice.randrange(20)] = dice.choice(TOKENS)
            case _:
                del content[at : at + dice.randrange(1 + len(content) // 4)]
    return bytes(content)


def _changed_values(dice: random.Random, sample: bytes) -> bytes:
    """A sample whose JSON, or the JSON header of whose tensors, has other values in it."""
    for start in (0, 8):
        length = len(sample) - start
        if start:
            length = min(length, int.from_bytes(sample[:8], "little"))
        try:
            content = json.loads(sample[start : start + length])
        except ValueError:
            continue
        if isinstance(content, dict) and "__metadata__" in content and dice.random() < 0.5:
            words = json.loads(content["__metadata__"]["description"])
            content["__metadata__"]["description"] = json.dumps(_replaced(dice, words))
        else:
            content = _replaced(dice, content)
        header = json.dumps(content).encode()
        prefix = struct.pack("<Q", len(header)) if start else b""
        return prefix + header + sample[start + length :]
    return sample[: dice.randrange(len(sample) + 1)]


def _replaced(dice: random.Random, content: Any) -> Any:
    """A copy of some JSON with one value, at any depth, replaced, removed or added."""
    if not isinstance(content, dict | list) or not content or dice.random() < 0.15:
        return deepcopy(dice.choice(VALUES))
    copy = deepcopy(content)
    key = dice.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
    if dice.random() < 0.1:
        del copy[key]
    elif isinstance(copy, dict) and dice.random() < 0.1:
        copy[dice.choice(("", "x", "stage"))] = deepcopy(dice.choice(VALUES))
    else:
        copy[key] = _replaced(dice, copy[key])
    return copy


@contextmanager
def limited_memory(more: int) -> Iterator[None]:
    """Let this process take only so many bytes more: a number may say how large something is."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_random_files_give_a_value_or_one_line(tmp_path: Path) -> None:
    originals, mutants = tmp_path / "originals", tmp_path / "mutants"
    originals.mkdir()
    mutants.mkdir()
    everyone = readers(originals)
    assert sum(reader.count for reader in everyone) >= 10_000
    complaints = []
    for reader in everyone:
        dice = random.Random(reader.name)
        (mutants / "original").write_bytes(reader.sample)
        if reader.name != "manifest":  # whose payload is not there
            reader.read(mutants / "original")
        refused = 0
        for number in range(reader.count):
            content = mutate(dice, reader.sample)
            (mutants / "mutant").write_bytes(content)
            try:
                with limited_memory(2 * 10**9):
                    reader.read(mutants / "mutant")
            except PipelineError as error:
                refused += 1
                if "\n" in str(error):
                    complaints.append(f"{reader.name} {number}: several lines: {error}")
            except BaseException as error:
                complaints.append(f"{reader.name} {number}: {error!r} of {content[:300]!r}")
        assert refused > 0 or reader.name in ("resume", "code.lock")
    assert not complaints, "\n".join(complaints)


def test_random_settings_give_a_plan_or_one_line() -> None:
    dice = random.Random(0)
    for _ in range(150):
        changed = {**STUDY, **SWITCHES}
        for _ in range(dice.randint(1, 2)):
            key = dice.choice([*STUDY, *SWITCHES])
            changed[key] = _replaced(dice, changed[key])
        try:
            assert Rules(Plan.load(changed)).arguments()
        except PipelineError as error:
            assert "\n" not in str(error)


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def bombs(path: Path) -> Iterator[bytes]:
    """Files that make a folder if they are unpickled, or read by an unsafe YAML loader."""
    bomb = Bomb(path)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps(bomb, protocol)
    yield _torch_file({"weight": bomb})
    yield _torch_file({"weight": bomb}, _use_new_zipfile_serialization=False)
    objects = np.array([bomb], dtype=object)
    for save in (np.save, lambda file, array: np.savez(file, **{"msp/predicted": array})):
        buffer = io.BytesIO()
        save(buffer, objects)
        yield buffer.getvalue()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            content = pickle.dumps(bomb)
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    yield buffer.getvalue()
    yield f"study: !!python/object/apply:os.mkdir ['{path}']".encode()


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    exploded = tmp_path / "exploded"
    pickle.loads(pickle.dumps(Bomb(exploded)))
    assert exploded.exists()  # the bomb works
    exploded.rmdir()
    for reader in readers(tmp_path):
        for content in bombs(exploded):
            (tmp_path / "bomb").write_bytes(content)
            with suppress(PipelineError):
                reader.read(tmp_path / "bomb")
            assert not exploded.exists(), reader.name
