"""Who was made from files that are there no longer."""

from pathlib import Path

from pipeline.cache.lineage import Lineage
from pipeline.cache.manifests import Manifest


def write(root: Path, name: str, digest: str, **parents: str) -> None:
    manifest = Manifest("0" * 8, {}, {"model.safetensors": digest}, parents)
    manifest.write(root / name)


def test_a_parent_that_was_made_again_is_named_by_all_that_follow(tmp_path: Path) -> None:
    write(tmp_path, "network", "1")
    write(tmp_path, "pruned", "2", network="1")
    write(tmp_path, "predictions", "3", pruned="2")
    write(tmp_path, "score", "4", predictions="3")
    assert Lineage(tmp_path).other_copies("score") == set()
    write(tmp_path, "network", "other bits")
    lineage = Lineage(tmp_path)
    assert lineage.other_copies("score") == {"network"}
    assert lineage.differing("score") == []
    assert lineage.differing("pruned") == ["network"]
    # What was made from the new one is right; with two differences, both are named.
    write(tmp_path, "predictions", "other bits", pruned="2")
    assert Lineage(tmp_path).other_copies("score") == {"network", "predictions"}
    write(tmp_path, "pruned", "2", network="other bits")
    assert Lineage(tmp_path).other_copies("score") == {"predictions"}


def test_what_is_gone_or_damaged_says_nothing(tmp_path: Path) -> None:
    write(tmp_path, "predictions", "3", pruned="2")
    write(tmp_path, "score", "4", predictions="3")
    assert Lineage(tmp_path).other_copies("score") == set()
    (tmp_path / "predictions" / "manifest.json").write_text("{")
    assert Lineage(tmp_path).other_copies("score") == set()
    assert Lineage(tmp_path).other_copies("nothing") == set()


def test_scores_may_lie_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "artifacts", "predictions", "other bits")
    write(tmp_path / "drawn", "score", "4", predictions="3")
    found = Lineage(tmp_path / "drawn", tmp_path / "artifacts").other_copies("score")
    assert found == {"predictions"}
