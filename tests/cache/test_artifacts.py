"""Files under artifacts/: complete or not there, and refused when they are neither."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

from pipeline.cache import files, manifests, paths, payloads, specs
from pipeline.cache.files import atomic, sha256, write_bytes, write_json
from pipeline.datasets import Dataset, StreamedDataset, imagefolder
from pipeline.errors import PipelineError
from pipeline.models import build

MakeDataset = Callable[..., Dataset]


def test_predictions_round_trip(tmp_path: Path) -> None:
    file = tmp_path / "predictions.safetensors"
    logits = np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32)
    payloads.save_predictions(file, logits, np.arange(7) % 3, np.arange(7) + 100, parameters=12)
    found = payloads.load_predictions(file)
    assert found.logits.dtype == np.float32
    np.testing.assert_array_equal(found.logits, logits)
    np.testing.assert_array_equal(found.ids, np.arange(100, 107))
    assert (found.parameters, found.macs) == (12, 0)


def test_predictions_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"must be \[S, N, C\], \[N\], \[N\]"):
        payloads.save_predictions(tmp_path / "p", np.zeros((1, 7, 3)), np.arange(6), np.arange(7))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_predictions_written_in_parts_are_the_librarys_file(tmp_path: Path, precision: str) -> None:
    logits = np.random.default_rng(0).normal(size=(3, 11, 5)).astype(np.float32)
    labels, ids = np.arange(11) % 5, np.arange(11) + 7
    with payloads.writing_predictions(
        tmp_path / "parts", labels, ids,
        samples=3, classes=5, precision=precision, parameters=12, macs=34,
    ) as append:  # fmt: skip
        for start in (0, 4, 8):
            append(logits[:, start : start + 4])
    arrays = {"logits": logits.astype(precision), "labels": labels, "ids": ids}
    description = json.dumps({"parameters": 12, "macs": 34})
    expected = safetensors.numpy.save(arrays, metadata={"description": description})
    assert (tmp_path / "parts").read_bytes() == expected
    found = payloads.load_predictions(tmp_path / "parts")
    np.testing.assert_array_equal(found.logits, logits.astype(precision))
    np.testing.assert_array_equal(found.labels, labels)
    assert (found.parameters, found.macs) == (12, 34)
    # They stay in the file until they are used.
    assert isinstance(found.logits, np.memmap)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(3, 4, 5)], "logits of 4 images, expected 6"),
        ([(3, 4, 5), (3, 4, 5)], r"logits \(3, 4, 5\) do not fit into \[3, 2 or fewer, 5\]"),
        ([(3, 4, 6)], "do not fit"),
        ([(2, 4, 5)], "do not fit"),
    ],
)
def test_parts_that_are_not_all_of_the_predictions_leave_nothing(
    tmp_path: Path, shapes: list[tuple[int, ...]], message: str
) -> None:
    with (
        pytest.raises(PipelineError, match=message),
        payloads.writing_predictions(
            tmp_path / "p", np.arange(6), np.arange(6), samples=3, classes=5
        ) as append,
    ):
        for shape in shapes:
            append(np.zeros(shape))
    assert list(tmp_path.iterdir()) == []


def test_a_model_round_trip_keeps_every_bit(tmp_path: Path) -> None:
    model = build("resnet18", 4, width=1 / 16, dropout=0.2).eval()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    payloads.save_model(tmp_path / "model.safetensors", model)
    twin = payloads.load_model(tmp_path / "model.safetensors")
    assert not twin.training
    for (name, tensor), (_, other) in zip(
        model.state_dict().items(), twin.state_dict().items(), strict=True
    ):
        assert torch.equal(tensor, other), name
        assert tensor.dtype == other.dtype
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(twin(images), model(images))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_network_that_diverged_in_its_last_step_is_not_written(
    tmp_path: Path, bad: float
) -> None:
    model = build("resnet18", 4, width=1 / 16)
    with torch.no_grad():
        model.get_parameter("fc.bias")[1] = bad
    with pytest.raises(PipelineError, match=r"diverged: fc\.bias holds .* not finite"):
        payloads.save_model(tmp_path / "model.safetensors", model)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_round_trip(tmp_path: Path, make_dataset: MakeDataset) -> None:
    data = make_dataset()
    payloads.save_dataset(tmp_path / "images.safetensors", data)
    found = payloads.load_dataset(tmp_path / "images.safetensors")
    assert torch.equal(found.train.images, data.train.images)
    assert torch.equal(found.test.ids, data.test.ids)
    assert (found.classes, found.mean, found.pad) == (data.classes, data.mean, data.pad)


def test_a_streamed_dataset_round_trip(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    data = imagefolder.load(make_folder(), crop_size=32)
    payloads.save_dataset(tmp_path / "images.safetensors", data)
    access = (("decoder", "simplejpeg"), ("path", str(data.root)))
    spec = specs.Data("imagefolder", access=access)
    found = payloads.load_dataset(tmp_path / "images.safetensors", spec)
    assert isinstance(found, StreamedDataset)
    for part in ("train", "test"):
        for name in ("names", "sizes", "labels", "ids"):
            one, other = (getattr(getattr(each, part), name) for each in (found, data))
            assert torch.equal(one, other)
    assert (found.root, found.decoder) == (data.root, "simplejpeg")
    names = ("classes", "mean", "std", "image_size", "resize_size", "source")
    assert all(getattr(found, name) == getattr(data, name) for name in names)


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("before")
    with pytest.raises(KeyboardInterrupt), atomic(file) as temporary:
        temporary.write_text("half of what")
        raise KeyboardInterrupt
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert file.read_text() == "before"


READERS = (
    payloads.load_predictions,
    payloads.load_model,
    payloads.load_dataset,
    files.read_json,
)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "content", [None, b"", b"\x80\x04K\x01.", b"\xff" * 64, b"[" * 100_000, b"{}"]
)
def test_foreign_files_are_refused_by_name(
    tmp_path: Path, reader: Callable[[Path], object], content: bytes | None
) -> None:
    file = tmp_path / "some.file"
    if content is not None:
        file.write_bytes(content)
    if content == b"{}" and reader is files.read_json:
        return
    with pytest.raises(PipelineError, match=r"some\.file") as caught:
        reader(file)
    assert "\n" not in str(caught.value)


def test_mutated_files_give_the_projects_error_or_a_value(
    tmp_path: Path, make_dataset: MakeDataset, make_folder: Callable[..., Path]
) -> None:
    streamed = imagefolder.load(make_folder(train=2, val=1), crop_size=32)
    dice = random.Random(0)
    originals = []
    for reader, save in (
        (payloads.load_model, lambda f: payloads.save_model(f, build("vgg19", 2, width=1 / 64))),
        (payloads.load_dataset, lambda f: payloads.save_dataset(f, make_dataset(8, 4, size=4))),
        (payloads.load_dataset, lambda f: payloads.save_dataset(f, streamed)),
        (
            payloads.load_predictions,
            lambda f: payloads.save_predictions(f, np.zeros((1, 4, 3)), np.zeros(4), np.zeros(4)),
        ),
    ):
        file = tmp_path / "original"
        save(file)
        originals.append((reader, file.read_bytes()))
    for _ in range(300):
        reader, content = dice.choice(originals)
        mutant = bytearray(content)
        # The header is where a change does most.
        for _ in range(dice.randint(1, 4)):
            mutant[dice.randrange(min(len(mutant), 2000))] = dice.randrange(256)
        if dice.random() < 0.2:
            del mutant[dice.randrange(len(mutant)) :]
        (tmp_path / "mutant").write_bytes(bytes(mutant))
        try:
            reader(tmp_path / "mutant")
        except PipelineError as error:
            assert "mutant" in str(error)


def finished(folder: Path, spec: specs.Spec) -> None:
    files = {}
    for name in spec.payload:
        write_bytes(folder / name, b"content of " + name.encode())
        files[name] = sha256(folder / name)
    manifests.Manifest(spec.fingerprint, spec.to_json(), files, {}).write(folder)


def test_check(tmp_path: Path) -> None:
    spec = specs.Data("digits")
    finished(tmp_path, spec)
    assert manifests.check(tmp_path, spec).spec == {"stage": "data", "dataset": "digits"}
    with pytest.raises(PipelineError, match=f"holds {spec.fingerprint}, not"):
        manifests.check(tmp_path, specs.Data("digits", version=2))
    (tmp_path / "images.safetensors").write_bytes(b"content of something")
    with pytest.raises(PipelineError, match="not the file that was written"):
        manifests.check(tmp_path, spec)
    (tmp_path / "images.safetensors").unlink()
    with pytest.raises(PipelineError, match=r"images\.safetensors is missing; delete "):
        manifests.check(tmp_path, spec)


@pytest.mark.parametrize("content", ["{}", "[]", '{"fingerprint": 1}', "1", "null", "{"])
def test_a_manifest_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / paths.MANIFEST).write_text(content)
    with pytest.raises(PipelineError, match=r"manifest\.json"):
        manifests.read_manifest(tmp_path)


def test_json_has_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    write_json(tmp_path / "x.json", {"a": 1})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}


@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "uint64", "int64", "float32"])
def test_labels_of_any_type_that_holds_integers_are_written(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "predictions.safetensors"
    payloads.save_predictions(file, np.zeros((1, 3, 2)), np.array([0, 1, 1], kind), np.arange(3))
    found = payloads.load_predictions(file)
    assert found.labels.dtype == found.ids.dtype == np.int64
    assert found.labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize("labels", [[0.5, 1, 1], [np.nan, 1, 1], np.array([2**63, 1, 1], "uint64")])
def test_labels_that_are_no_integers_are_refused(tmp_path: Path, labels: Any) -> None:
    with pytest.raises(PipelineError, match="labels are not all integers"):
        payloads.save_predictions(
            tmp_path / "predictions", np.zeros((1, 3, 2)), labels, np.arange(3)
        )
