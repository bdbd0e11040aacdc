"""Whether a folder was compared with an artifact: told from its place and its folders' times."""

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.cache import manifests, origins, paths
from pipeline.cache.specs import Data
from pipeline.errors import PipelineError


def data(path: Path | str, **options: str) -> Data:
    return Data("imagefolder", options=tuple(options.items()), access=(("path", str(path)),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("train", "val"):
        (tmp_path / "pictures" / part / "cat").mkdir(parents=True)
    return tmp_path / "pictures"


def test_the_root_is_the_path_or_the_readers_own() -> None:
    assert origins.root(data("my/pictures")) == Path("my/pictures")
    assert origins.root(Data("imagenet")) == Path("data/imagenet")


def test_a_name_stands_for_a_place_and_what_was_last_done_there(
    folder: Path, tmp_path: Path
) -> None:
    name = origins.name(data(folder))
    assert origins.name(data(folder / ".." / "pictures")) == name
    (tmp_path / "link").symlink_to(folder)
    assert origins.name(data(tmp_path / "link")) == name
    parts = {part: origins.name(data(folder), (part,)) for part in origins.PARTS}
    assert len({name, *parts.values()}) == 3
    # A class that is renamed changes its part, and no other.
    (folder / "val" / "cat").rename(folder / "val" / "dog")
    os.utime(folder / "val", ns=(1, 1))
    assert origins.name(data(folder), ("train",)) == parts["train"]
    assert origins.name(data(folder), ("test",)) != parts["test"]
    assert origins.name(data(folder)) != name
    assert origins.name(data(folder.rename(tmp_path / "moved"))) != origins.name(data(folder))


def test_folders_of_other_names_and_files_are_looked_at(folder: Path, tmp_path: Path) -> None:
    (folder / "val").rename(folder / "valid")
    spec = data(folder, test="valid")
    name = origins.name(spec)
    os.utime(folder / "valid", ns=(1, 1))
    assert origins.name(spec) != name
    file = tmp_path / "all.npz"
    file.write_bytes(b"1")
    name = origins.name(data(file))
    os.utime(file, ns=(1, 1))
    assert origins.name(data(file)) != name


def test_known_is_what_was_compared(folder: Path, tmp_path: Path) -> None:
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    spec = data(folder)
    assert origins.is_known(artifact, data(tmp_path / "nowhere"))
    assert not origins.is_known(artifact, spec)
    origins.record(artifact / origins.name(spec), folder, origins.PARTS)
    assert origins.is_known(artifact, spec)
    assert not origins.is_known(artifact, spec, ("train",))
    assert origins.known(artifact) == [str(folder.resolve())]
    (tmp_path / "other" / "train").mkdir(parents=True)
    assert not origins.is_known(artifact, data(tmp_path / "other"))


def test_an_older_artifact_is_of_the_path_in_its_manifest(folder: Path, tmp_path: Path) -> None:
    spec = data(folder)
    artifact = tmp_path / paths.folder(spec)
    manifests.Manifest(spec.fingerprint, spec.to_json(), {}, {}).write(artifact)
    assert origins.is_known(artifact, spec)
    (tmp_path / "other").mkdir()
    assert not origins.is_known(artifact, data(tmp_path / "other"))


def test_digests_are_of_one_list_of_files(tmp_path: Path) -> None:
    assert origins.load_digests(tmp_path, "a") is None
    digests = {part: np.arange(64, dtype=np.uint8).reshape(2, 32) for part in origins.PARTS}
    origins.save_digests(tmp_path, digests, "a")
    found = origins.load_digests(tmp_path, "a")
    assert found is not None
    assert all((found[part] == digests[part]).all() for part in origins.PARTS)
    with pytest.raises(PipelineError, match=r"digests.safetensors is of other files .*delete"):
        origins.load_digests(tmp_path, "b")
    (tmp_path / origins.DIGESTS).write_bytes(b"damaged")
    with pytest.raises(PipelineError, match=r"digests.safetensors is damaged .*delete"):
        origins.load_digests(tmp_path, "a")
    (tmp_path / origins.DIGESTS).unlink()
    origins.record(tmp_path / "origin~0.json", tmp_path, origins.PARTS)
    with pytest.raises(PipelineError, match=r"digests.safetensors is missing"):
        origins.load_digests(tmp_path, "a")
