"""Sizes in words, locks, and what deleting touches."""

import fcntl
from pathlib import Path

import pytest

from pipeline.commands import common


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (12_345, "12.3 kB"),
        (999_499, "999 kB"), (999_600, "1 MB"), (2_500_000_000, "2.5 GB"), (7e12, "7 TB"),
    ],
)  # fmt: skip
def test_bytes_in_words(size: float, words: str) -> None:
    assert common.in_bytes(size) == words


def test_the_size_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").write_bytes(b"12345")
    (tmp_path / "a/d").write_bytes(b"123")
    (tmp_path / "a/e").symlink_to(tmp_path)
    assert common.size(tmp_path / "a/b/c") == 5
    assert 8 <= common.size(tmp_path / "a") < 8 + 200  # a link is as long as its text


def test_a_lock_names_its_holder_and_is_left_as_it_was(tmp_path: Path) -> None:
    assert common.maker(tmp_path) is None
    (tmp_path / ".lock").write_text("process 7 on here")
    assert common.maker(tmp_path) is None
    with (tmp_path / ".lock").open("a+") as lock:
        # Looking does not keep the lock.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert common.maker(tmp_path) == "process 7 on here"
        assert common.maker(tmp_path) == "process 7 on here"


def test_deleting_takes_the_backups_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "one/two"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    name = "artifacts/digits/data~00000000"
    backups = Path(".snakemake/backups")
    absolute = tmp_path / name
    in_backups = backups / absolute.relative_to(absolute.anchor)
    climbing = Path("../..") / name
    for folder in (Path(name), backups / name, absolute, in_backups):
        folder.mkdir(parents=True)
    common.delete([Path(name)])
    assert not Path(name).exists()
    assert not (backups / name).exists()
    assert absolute.exists()
    common.delete([absolute])
    assert not absolute.exists()
    assert not in_backups.exists()
    # Seen from the backups, two folders up is this one.
    Path(name).mkdir()
    absolute.mkdir()
    common.delete([climbing])
    assert not absolute.exists()
    assert Path(name).exists()


def test_what_was_made_last_is_deleted_first(tmp_path: Path) -> None:
    folders = [
        tmp_path / f"{stage}~00000000" for stage in ("train", "score", "data", "infer", "prune")
    ]
    order = [
        folder.name.split("~")[0] for folder in sorted(folders, key=common._from_last_to_first)
    ]
    assert order == ["score", "infer", "prune", "train", "data"]
