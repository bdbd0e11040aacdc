"""Reading all files once: their digests, what is wrong with which, and going on after a stop."""

import hashlib
import os
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.datasets import StreamedDataset, imagefolder
from pipeline.datasets.shared import inspection
from pipeline.datasets.shared.decoding import decoder, with_pillow
from pipeline.datasets.shared.inspection import Notes, inspect, refuse
from pipeline.errors import PipelineError


@pytest.fixture
def data(make_folder: Callable[..., Path]) -> StreamedDataset:
    return imagefolder.load(make_folder(train=40))


def digests(data: StreamedDataset) -> list[str]:
    files = (data.root / data.train.name(row) for row in range(len(data.train)))
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


@pytest.mark.parametrize("threads", [1, 3])
def test_digests_are_those_of_the_files(data: StreamedDataset, threads: int) -> None:
    found, faults = inspect(data.root, data.train, "files", decode=with_pillow, threads=threads)
    assert [bytes(row.numpy()).hex() for row in found] == digests(data)
    assert (found.dtype, found.shape) == (torch.uint8, (80, 32))
    assert not faults


def test_everything_that_is_wrong_is_found(data: StreamedDataset) -> None:
    wrong = {
        3: (b"", "an empty file"),
        9: (b"no picture at all", "not a picture of a kind that is known here"),
        11: (None, "No such file or directory"),
    }
    for row, (content, _) in wrong.items():
        file = data.root / data.train.name(row)
        file.unlink() if content is None else file.write_bytes(content)
    file = data.root / data.train.name(50)
    file.write_bytes(file.read_bytes()[:500])
    sizes = data.train.sizes.clone()
    for row in (3, 9, 50):
        sizes[row] = (data.root / data.train.name(row)).stat().st_size
    part = replace(data.train, sizes=sizes)
    _, faults = inspect(data.root, part, "files", decode=with_pillow, threads=2)
    assert set(faults) == {3, 9, 11, 50}
    for row, (_, reason) in wrong.items():
        assert faults[row] == reason
    assert "truncated" in faults[50].lower()
    assert not any("0x" in fault for fault in faults.values())


def test_a_stopped_inspection_goes_on(data: StreamedDataset, tmp_path: Path) -> None:
    seen = 0

    def stop_soon(content: bytes) -> object:
        nonlocal seen
        seen += 1
        if seen > 40:
            raise KeyboardInterrupt
        return with_pillow(content)

    notes = tmp_path / "notes"
    with pytest.raises(KeyboardInterrupt):
        inspect(data.root, data.train, "files", decode=stop_soon, threads=1, notes=Notes(notes))  # type: ignore[arg-type]
    with notes.open("ab") as file:
        file.write(b"half a record")
    decoded = []

    def count(content: bytes) -> object:
        decoded.append(hashlib.sha256(content).hexdigest())
        return with_pillow(content)

    first = data.root / data.train.name(0)
    os.utime(first, (1, 1))  # changed since
    found, _ = inspect(
        data.root,
        data.train,
        "files",
        decode=count,
        threads=1,
        notes=Notes(notes),  # type: ignore[arg-type]
    )
    expected = digests(data)
    assert [bytes(row.numpy()).hex() for row in found] == expected
    assert decoded == [expected[0], *expected[inspection.CHUNK :]]


def test_faults_fill_a_screen_at_most(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "faulty.txt"
    refuse([], report)
    faults = [f"file {number}: broken" for number in range(50)]
    with pytest.raises(PipelineError, match=re.escape(f"all are in {report}")) as caught:
        refuse(faults, report)
    assert str(caught.value).startswith("50 files cannot be used, such as file 0: broken")
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out.splitlines() == [*faults[:20], "and 30 more"]
    assert report.read_text().splitlines() == faults
    refuse([], report)
    assert not report.exists()


@pytest.mark.parametrize("name", ["pillow", "simplejpeg"])
def test_bytes_at_random_are_a_picture_or_a_reason(
    make_folder: Callable[..., Path], name: str
) -> None:
    root = make_folder(train=30)
    generator = random.Random(0)
    for number, file in enumerate(sorted((root / "train").rglob("*.jpg"))):
        content = bytearray(file.read_bytes())
        for _ in range(number % 7):
            content[generator.randrange(len(content))] = generator.randrange(256)
        if number % 5 == 0:
            content = bytearray(generator.randbytes(generator.randrange(1, 300)))
        file.write_bytes(content)
    data = imagefolder.load(root, decoder=name)  # type: ignore[arg-type]
    _, faults = inspect(root, data.train, "files", decode=decoder(name), threads=2)
    assert set(range(0, 60, 5)) <= set(faults)
    assert all(reason and "\n" not in reason and "0x" not in reason for reason in faults.values())
