"""The walks up and down the graph of artifacts."""

from pathlib import Path

import pytest

from pipeline.cache import manifests, paths
from pipeline.cache.graph import ancestors, descendants
from pipeline.cache.specs import Data, Infer, Prune, Recipe, Score, Spec, Train

DATA = Data("digits")
TRAINS = tuple(Train(DATA, "resnet18", Recipe(1), member=member) for member in range(2))
PRUNED = Prune(TRAINS[0], "l1", 0.5)
SCORE = Score((Infer(PRUNED), Infer(TRAINS[1])), "ensemble")


def test_ancestors_come_once_and_after_what_they_read() -> None:
    found = ancestors([SCORE, PRUNED])
    assert list(found.values()) == [
        DATA, TRAINS[0], PRUNED, Infer(PRUNED), TRAINS[1], Infer(TRAINS[1]), SCORE,
    ]  # fmt: skip
    assert list(found) == [paths.folder(spec) for spec in found.values()]


def test_what_only_a_left_out_artifact_needs_is_left_out() -> None:
    found = ancestors([SCORE], leave_out=lambda spec: spec in (PRUNED, TRAINS[1]))
    # The inferences read the data set, too.
    assert list(found.values()) == [DATA, Infer(PRUNED), Infer(TRAINS[1]), SCORE]


def write(root: Path, *specs: Spec) -> None:
    for spec in specs:
        manifest = manifests.Manifest(spec.fingerprint, spec.to_json(), {}, {})
        manifest.write(root / paths.folder(spec))


def test_descendants_are_found_past_what_was_deleted(tmp_path: Path) -> None:
    write(tmp_path, *TRAINS, Infer(PRUNED), SCORE)
    first, second = map(paths.folder, TRAINS)
    score = paths.folder(SCORE)
    assert descendants(tmp_path, [first]) == {first, paths.folder(Infer(PRUNED)), score}
    assert descendants(tmp_path, [second]) == {second, score}
    assert descendants(tmp_path, [score]) == {score}


def names(root: Path) -> list[str]:
    return sorted(str(folder.relative_to(root)) for folder in manifests.folders(root))


@pytest.mark.parametrize("below", ["", "resnet18", "resnet18/plain-0"])
def test_artifacts_are_found_through_links(tmp_path: Path, below: str) -> None:
    root, disk = tmp_path / "artifacts", tmp_path / "disk"
    write(root, DATA, *TRAINS, PRUNED)
    expected = names(root)
    assert len(expected) == 4
    place = root / "digits" / below
    place.rename(disk)
    place.symlink_to(disk)
    assert names(root) == expected
    assert descendants(root, [paths.folder(DATA)]) == set(expected)


def test_links_in_a_circle_end_and_aliases_count_once(tmp_path: Path) -> None:
    write(tmp_path, DATA, *TRAINS)
    expected = names(tmp_path)
    (tmp_path / "digits" / "again").symlink_to(tmp_path)
    (tmp_path / "digits" / "resnet18" / "up").symlink_to(tmp_path / "digits")
    # By its name, an alias would come first.
    (tmp_path / "alias").symlink_to(tmp_path / "digits")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert names(tmp_path) == expected


def test_a_folder_that_cannot_be_read_is_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, DATA)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(manifests.os, "scandir", refuse)
    with pytest.raises(PermissionError):
        names(tmp_path)


def test_no_folder_has_no_artifacts(tmp_path: Path) -> None:
    assert names(tmp_path / "none") == []
