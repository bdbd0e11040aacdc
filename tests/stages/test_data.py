"""The data stage: all that is wrong is found, and a folder is compared with its artifact."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline import registry
from pipeline.cache import files, manifests, origins, paths, payloads
from pipeline.cache.specs import Data
from pipeline.datasets import StreamedDataset, imagefolder
from pipeline.errors import PipelineError
from pipeline.running.job import Job
from pipeline.running.switches import Switches
from pipeline.stages import data

MakeFolder = Callable[..., Path]


def spec(path: Path, **fields: Any) -> Data:
    return Data("imagefolder", access=(("path", str(path)),), **fields)


@pytest.fixture
def job(tmp_path: Path) -> Callable[[Data], Job]:
    def job(spec: Data) -> Job:
        found = Job(spec, Switches(artifacts=tmp_path / "artifacts"), threads=2)
        found.folder.mkdir(parents=True, exist_ok=True)
        return found

    return job


@pytest.fixture
def make(job: Callable[[Data], Job]) -> Callable[[Data], Path]:
    """Makes a data set's artifact; gives its folder."""

    def make(spec: Data) -> Path:
        folder = job(spec).folder
        data.run(spec, job(spec))
        name = spec.payload[0]
        digests = {name: files.sha256(folder / name)}
        manifests.Manifest(spec.fingerprint, spec.to_json(), digests, {}).write(folder)
        return folder

    return make


def names(folder: Path) -> set[str]:
    return {file.name.partition("~")[0] for file in folder.iterdir()}


def test_digests_lie_beside_the_list(make_folder: MakeFolder, make: Callable[[Data], Path]) -> None:
    root = make_folder()
    folder = make(spec(root))
    assert names(folder) == {"images.safetensors", "digests.safetensors", "origin", "manifest.json"}
    found = payloads.load_dataset(folder / "images.safetensors", spec(root))
    assert isinstance(found, StreamedDataset)
    assert found.test.digests is not None
    file = root / found.test.name(4)
    expected = hashlib.sha256(file.read_bytes()).hexdigest()
    assert bytes(found.test.digests[4].numpy()).hex() == expected
    # They are in no payload.
    kinds = ("names", "sizes", "labels", "ids")
    assert set(files.read_arrays(folder / "images.safetensors")[0]) == {
        f"{part}_{kind}" for part in ("train", "test") for kind in kinds
    }


def test_all_broken_files_are_found_and_mending_them_costs_nothing_else(
    make_folder: MakeFolder,
    job: Callable[[Data], Job],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = make_folder(train=40)
    broken = [root / "train/class0/3.jpg", root / "val/class1/1.jpg", root / "val/class1/2.jpg"]
    good = [file.read_bytes() for file in broken]
    broken[0].write_bytes(b"no picture")
    broken[1].write_bytes(good[1][:300])
    broken[2].write_bytes(b"")
    with pytest.raises(PipelineError, match=r"^3 files cannot be used, such as ") as caught:
        data.run(spec(root), job(spec(root)))
    assert "\n" not in str(caught.value)
    printed = capsys.readouterr().out
    report = (job(spec(root)).folder / "faulty-files.txt").read_text()
    for file in broken:
        assert f"{file}: " in printed
        assert f"{file}: " in report
    assert "an empty file" in report
    assert "0x" not in report
    for file, content in zip(broken, good, strict=True):
        file.write_bytes(content)
    decoded = []
    real = data.decoder

    def counting(*arguments: Any, **options: Any) -> Callable[[bytes], Any]:
        decode = real(*arguments, **options)

        def count(content: bytes) -> Any:
            decoded.append(content)
            return decode(content)

        return count

    monkeypatch.setattr(data, "decoder", counting)
    data.run(spec(root), job(spec(root)))
    assert sorted(decoded) == sorted(good)
    assert names(job(spec(root)).folder) == {"images.safetensors", "digests.safetensors", "origin"}


def test_a_copy_is_the_same_and_other_files_are_not(
    make_folder: MakeFolder,
    make: Callable[[Data], Path],
    job: Callable[[Data], Job],
    tmp_path: Path,
) -> None:
    root = make_folder()
    folder = make(spec(root))
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    shutil.copytree(copy / "train" / "class0", copy / "train" / "class0" / ".ipynb_checkpoints")
    assert not origins.is_known(folder, spec(copy))
    data.confirm(spec(copy), job(spec(copy)))
    assert origins.is_known(folder, spec(copy))
    assert sorted(origins.known(folder)) == sorted([str(root), str(copy)])

    def said(change: Callable[[Path], object]) -> str:
        other = tmp_path / "other"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(root, other)
        change(other)
        with pytest.raises(PipelineError) as caught:
            data.confirm(spec(other), job(spec(other)))
        assert not origins.is_known(folder, spec(other))
        message = str(caught.value)
        assert message.startswith(f"{other} does not hold what {folder} was read from (")
        assert str(copy) in message or str(root) in message
        assert "`label:`" in message
        assert "\n" not in message
        return message

    def flip_a_bit(other: Path) -> None:
        file = other / "train" / "class1" / "0.jpg"
        content = bytearray(file.read_bytes())
        content[-20] ^= 1
        file.write_bytes(content)

    def exchange(other: Path) -> None:
        (other / "train/class0").rename(other / "train/x")
        (other / "train/class1").rename(other / "train/class0")
        (other / "train/x").rename(other / "train/class1")

    first = "train/class1/0.jpg"
    assert f"1 of 12 training files are others, such as {first}" in said(flip_a_bit)
    assert "12 of 12 training files are others" in said(exchange)
    assert f"1 of 12 training files are missing, such as {first}" in said(
        lambda other: (other / first).unlink()
    )
    assert "1 more training files, such as train/class1/new.jpg" in said(
        lambda other: shutil.copy(other / first, other / "train/class1/new.jpg")
    )
    assert "there is no such class in" in said(lambda other: (other / "val/more").mkdir())
    assert "`test_version:`" in said(lambda other: (other / "val/class0/0.jpg").unlink())
    assert "`test_version:`" not in said(flip_a_bit)


def forget_digests(folder: Path) -> None:
    """As version 0.2.0 left an artifact."""
    for file in (*folder.glob("origin~*"), folder / "digests.safetensors"):
        file.unlink(missing_ok=True)


def test_an_older_artifact_gets_digests_from_where_it_was_read(
    make_folder: MakeFolder,
    make: Callable[[Data], Path],
    job: Callable[[Data], Job],
    tmp_path: Path,
) -> None:
    root = make_folder()
    folder = make(spec(root))
    payload = (folder / "images.safetensors").read_bytes()
    digests = (folder / "digests.safetensors").read_bytes()
    forget_digests(folder)
    data.confirm(spec(root), job(spec(root)))
    assert (folder / "digests.safetensors").read_bytes() == digests
    assert (folder / "images.safetensors").read_bytes() == payload
    forget_digests(folder)
    # As large and of other content: only the old folder can tell.
    other = shutil.copytree(root, tmp_path / "other")
    file = other / "val" / "class0" / "0.jpg"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(PipelineError, match="1 of 6 test files are others"):
        data.confirm(spec(other), job(spec(other)))
    forget_digests(folder)
    moved = root.rename(tmp_path / "moved")
    data.confirm(spec(moved), job(spec(moved)))
    assert (folder / "digests.safetensors").read_bytes() == digests


def test_pictures_that_were_made_white_are_refused(
    make_folder: MakeFolder, make: Callable[[Data], Path], job: Callable[[Data], Job]
) -> None:
    root = make_folder()
    wide = np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40
    Image.fromarray(wide).save(root / "train" / "class0" / "x-ray.png")
    folder = make(spec(root))
    forget_digests(folder)
    with pytest.raises(PipelineError, match=r"x-ray.png: 16-bit greyscale.*raise `version:`"):
        data.confirm(spec(root), job(spec(root)))


def test_a_broken_test_file_of_an_older_artifact_costs_no_training(
    make_folder: MakeFolder, make: Callable[[Data], Path], job: Callable[[Data], Job]
) -> None:
    root = make_folder()
    file = root / "val" / "class0" / "1.jpg"
    good = file.read_bytes()
    folder = make(spec(root))
    # Version 0.2.0 listed the broken file and decoded none.
    file.write_bytes(good[:300])
    payloads.save_dataset(folder / "images.safetensors", imagefolder.load(root))
    forget_digests(folder)
    with pytest.raises(PipelineError, match=f"^1 file cannot be used, such as {file}: "):
        data.confirm(spec(root), job(spec(root)))
    file.write_bytes(good)
    with pytest.raises(PipelineError, match=r"1 of 6 test files are others.*`test_version:`"):
        data.confirm(spec(root), job(spec(root)))
    # Then networks are trained with the first version, and judged on the second.
    data.confirm(spec(root), job(spec(root)), ("train",))
    make(spec(root, test_version=2))


def test_a_plugin_that_reads_elsewhere_is_told_so(
    tmp_path: Path, make_folder: MakeFolder, make: Callable[[Data], Path]
) -> None:
    root = make_folder()
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\n"
        "from pipeline.datasets.shared.folders import read\n"
        f"def load(path=None):\n    return read(Path({str(root)!r}))\n"
    )
    registry.use_plugins([tmp_path / "mine.py"])
    with pytest.raises(PipelineError, match=f"give `path: {root}` in the study"):
        make(Data("mine"))


def test_test_files_alone_may_be_replaced(
    make_folder: MakeFolder, make: Callable[[Data], Path], job: Callable[[Data], Job]
) -> None:
    root = make_folder()
    folder = make(spec(root))
    shutil.copy(root / "val" / "class0" / "1.jpg", root / "val" / "class0" / "0.jpg")
    # Networks are trained with what is still there; the test set is another one.
    data.confirm(spec(root), job(spec(root)), ("train",))
    second = make(spec(root, test_version=2))
    assert second != folder
    (root / "train" / "class0" / "0.jpg").unlink()
    with pytest.raises(PipelineError, match=r"1 of 12 training files are missing.*`version:`"):
        make(spec(root, test_version=3))


PLUGIN = """
from pathlib import Path
import numpy as np, torch
from pipeline.datasets import Dataset, ImageSet

def load(path: Path | None = None, *, wrong: bool = False):
    pixels = torch.from_numpy(np.load(path))
    labels = torch.arange(len(pixels)) % 2
    if wrong:
        return Dataset(None, ImageSet(pixels, labels.int(), labels), ["a"], 0.5, (0.1, 0.1, 0.1))
    part = ImageSet(pixels, labels, torch.arange(len(pixels)))
    return Dataset(part, part, ("a", "b"), (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., Data]:
    (tmp_path / "mine.py").write_text(PLUGIN)
    registry.use_plugins([tmp_path / "mine.py"])

    def mine(name: str, seed: int, **fields: Any) -> Data:
        pixels = np.random.default_rng(seed).integers(0, 256, (8, 3, 8, 8), np.uint8)
        np.save(tmp_path / name, pixels)
        return Data("mine", access=(("path", str(tmp_path / f"{name}.npy")),), **fields)

    return mine


def test_images_in_memory_are_compared_too(
    plugin: Callable[..., Data], make: Callable[[Data], Path], job: Callable[[Data], Job]
) -> None:
    folder = make(plugin("first", 0))
    assert origins.is_known(folder, plugin("first", 0)) is False  # it was written again
    same = plugin("same", 0)
    data.confirm(same, job(same))
    assert origins.is_known(folder, same)
    other = plugin("other", 1)
    with pytest.raises(PipelineError, match=r"other.npy does not hold .*first.*other training im"):
        data.confirm(other, job(other))


def test_what_a_plugin_returns_is_checked(
    plugin: Callable[..., Data], make: Callable[[Data], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PipelineError, match=r"^mine: `load` returned what cannot be used: classes"):
        make(plugin("first", 0, options=(("wrong", True),)))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == [
        "classes", "mean", "the training set", "test labels"
    ]  # fmt: skip


def test_a_folder_that_is_not_there_is_nothing_to_compare_with(
    make_folder: MakeFolder,
    make: Callable[[Data], Path],
    job: Callable[[Data], Job],
    tmp_path: Path,
) -> None:
    folder = make(spec(make_folder()))
    before = names(folder)
    data.confirm(spec(tmp_path / "nowhere"), job(spec(tmp_path / "nowhere")))
    assert names(folder) == before
    assert paths.folder(spec(tmp_path)) == str(folder.relative_to(tmp_path / "artifacts"))
