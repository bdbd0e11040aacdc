"""Predictions travel in an archive, and only what was packed is put in place."""

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from commands.tree import Call, Tree
from support import TINY, snapshot

from pipeline.cache import history, manifests, paths
from pipeline.cache.files import sha256, write_json
from pipeline.cache.history import Epoch
from pipeline.cache.lineage import Lineage
from pipeline.cache.payloads import save_predictions
from pipeline.errors import PipelineError

# One way to predict: predictions of three networks, which are made from five artifacts.
SMALL = {"uncertainties": ["mc_dropout"]}


@pytest.fixture
def small(call: Call) -> Tree:
    """A study's artifacts, whose predictions are some."""
    tree = Tree.__new__(Tree)
    tree.root, tree.call = Path("artifacts"), call
    tree.plan = tree.add("tiny", **SMALL)
    for number, folder in enumerate(sorted(tree.root.rglob("infer~*"))):
        generator = np.random.default_rng(number)
        file = folder / "predictions.safetensors"
        save_predictions(file, generator.normal(size=(2, 6, 3)), [0, 1, 2, 0, 1, 2], range(6))
        manifest = manifests.read_manifest(folder)
        manifest.files[file.name] = sha256(file)
        manifest.write(folder)
        write_json(folder / paths.PROVENANCE, {**MADE, "host": "my-laptop"})
    return tree


MADE: dict[str, Any] = {
    "wall_seconds": 2.0, "cpu_seconds": 3.0, "peak_memory_mb": 100, "python": "3.13",
    "versions": {"torch": "2.8"}, "device": "a CPU", "finished": "2026-01-01", "commit": None,
}  # fmt: skip


def pack(call: Call, *more: str) -> Path:
    status, lines = call("pack", "tiny.yaml", "tiny.zip", *more)
    assert not status, status
    assert f"SHA-256 {sha256(Path('tiny.zip'))}" in lines[0]
    return Path("tiny.zip")


def test_what_is_packed_comes_back(small: Tree, call: Call) -> None:
    trained = small.at("dropout-0", "train")
    history.write(trained, [Epoch(0, 1.0, 0.5, 0.1, 2.0)])
    archive = pack(call)
    first = archive.read_bytes()
    status, lines = call("--artifacts", "mine", "unpack", "tiny.zip")
    assert not status
    assert lines == [
        "mine: 8 artifacts of the study 'tiny'",
        "to score and draw: snakemake --configfile mine/studies/tiny/study.yaml "
        "--config frozen=true artifacts=mine",
    ]
    mine = Path("mine")
    # Predictions are whole; of what they were made from, there is what tells which it was.
    for folder in manifests.folders(mine):
        name = folder.relative_to(mine)
        if folder.name.startswith("infer~"):
            for file in ("predictions.safetensors", "manifest.json"):
                assert (folder / file).read_bytes() == (small.root / name / file).read_bytes()
            assert json.loads((folder / "provenance.json").read_text()) == MADE
        else:
            (file, *_) = sorted(each.name for each in folder.iterdir())
            before = (small.root / name / "manifest.json").read_bytes()
            assert ((folder / file).name, (folder / file).read_bytes()) == (
                "ancestor.json",
                before,
            )
    at_home = {str(each.relative_to(small.root)) for each in manifests.folders(small.root)}
    assert {str(each.relative_to(mine)) for each in manifests.folders(mine)} == {
        name for name in at_home if "/check~" not in name and "/score~" not in name
    }
    assert history.read(mine / trained.relative_to(small.root)) == history.read(trained)
    assert (mine / "studies/tiny/study.yaml").read_bytes() == Path("tiny.yaml").read_bytes()
    assert "| digits | resnet18 | 3 | [2, 6, 3] |" in (mine / "studies/tiny/README.md").read_text()

    # Once more, nothing is written; and what was unpacked packs to the same bytes.
    before = snapshot(mine)
    status, lines = call("--artifacts", "mine", "unpack", "tiny.zip")
    assert lines[0] == "mine: 0 artifacts of the study 'tiny', and the same 8 were there already"
    assert snapshot(mine) == before
    assert call("--artifacts", "mine", "pack", "tiny.yaml", "again.zip")[0] is None
    assert Path("again.zip").read_bytes() == first
    archive.unlink()
    assert pack(call).read_bytes() == first
    # The other commands take ancestors for what they are.
    status, lines = call("--artifacts", "mine", "verify")
    assert (status, lines[-1]) == (
        0,
        "0 problems in 8 artifacts; 5 not kept, only their manifests; "
        "3 made from parents that were deleted",
    )
    small.write("more", **SMALL, mc_samples=3)
    (line, *_) = call("--artifacts", "mine", "status", "more.yaml")[1]
    assert line.endswith("(data not kept)")


def test_lineage_travels(small: Tree, call: Call) -> None:
    """A parent that was made again on a GPU is still told from the one that was predicted with."""
    trained = small.at("dropout-0", "train")
    manifest = manifests.read_manifest(trained)
    manifest.files["model.safetensors"] = "0" * 64
    manifest.write(trained)
    name = str(small.at("dropout-0", "infer").relative_to(small.root))
    other = Lineage(small.root).other_copies(name)
    assert other == {str(trained.relative_to(small.root))}
    pack(call)
    call("--artifacts", "mine", "unpack", "tiny.zip")
    assert Lineage(Path("mine")).other_copies(name) == other


def test_scores_travel_on_request(small: Tree, call: Call) -> None:
    pack(call, "--scores")
    call("--artifacts", "mine", "unpack", "tiny.zip")
    scores = list(Path("mine").rglob("score~*"))
    assert len(scores) == 3
    assert {each.name for each in scores[0].iterdir()} == {
        "scores.json",
        "curves.npz",
        "manifest.json",
    }


def test_plugins_and_given_weights_are_named_only(call: Call, tmp_path: Path) -> None:
    Path("mine").mkdir()
    Path("mine/largest.py").write_text(
        "import helper\n\n\ndef scores(model, groups, *, images=None, seed=0):\n    return {}\n"
    )
    Path("mine/helper.py").write_text("raise SystemExit('imported')\n")
    Path("weights.safetensors").write_bytes(b"weights")
    tree = Tree.__new__(Tree)
    tree.root, tree.call = Path("artifacts"), call
    network = {
        **TINY["architectures"][0],
        "init": {"plain-0": str(tmp_path / "weights.safetensors")},
    }
    tree.add(
        "tiny", plugins=["mine/largest.py"], pruners=["largest"], uncertainties=["msp"],
        architectures=[network], sparsities=[0.5],
    )  # fmt: skip
    for folder in tree.root.rglob("infer~*"):
        file = folder / "predictions.safetensors"
        save_predictions(file, np.zeros((1, 2, 3)), [0, 1], [0, 1])
        manifest = manifests.read_manifest(folder)
        manifest.files[file.name] = sha256(file)
        manifest.write(folder)
    status, lines = call("pack", "tiny.yaml", "tiny.zip")
    assert not status
    assert lines[1] == f"names places on this machine: {tmp_path / 'weights.safetensors'}"
    with zipfile.ZipFile("tiny.zip") as archive:
        assert not [
            name for name in archive.namelist() if name.endswith((".py", "weights.safetensors"))
        ]
    code = sha256(Path("mine/largest.py"))
    Path("mine/helper.py").write_text("changed = True\n")
    _, lines = call("--artifacts", "other", "unpack", "tiny.zip")
    weights = hashlib.sha256(b"weights").hexdigest()
    assert lines[1].startswith("the study needs the plugin mine/helper.py, SHA-256 ")
    assert lines[1].endswith(": here, but not the same")
    assert lines[2] == f"the study needs the plugin mine/largest.py, SHA-256 {code}: here"
    assert lines[3].startswith(
        f"networks began with {tmp_path}/weights.safetensors, SHA-256 {weights}"
    )


def test_only_what_is_whole_is_packed(small: Tree, call: Call) -> None:
    assert call("pack", "tiny.yaml", "tiny.tar")[0] == (
        "tiny.tar: an archive is a zip file; call it tiny.zip"
    )
    file = small.at("dropout-0", "infer") / "predictions.safetensors"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + b"x")
    assert "is not the file that was written" in str(call("pack", "tiny.yaml", "tiny.zip")[0])
    file.unlink()
    assert call("pack", "tiny.yaml", "tiny.zip")[0] == (
        f"not there: {file.parent}; first run snakemake predictions"
    )
    assert not Path("tiny.zip").exists()
    file.write_bytes(good)
    pack(call)
    assert call("pack", "tiny.yaml", "tiny.zip")[0] == (
        "tiny.zip is there already; delete it, or name another file"
    )


Members = dict[str, bytes]
Change = Callable[[Members], None]


def forge(archive: Path, change: Change, *, kind: int = stat.S_IFREG) -> None:
    """Pack an archive anew after a change; members that are added last are of a `kind`."""
    with zipfile.ZipFile(archive) as old:
        members = {name: old.read(name) for name in old.namelist()}
    known = set(members)
    change(members)
    with zipfile.ZipFile(archive, "w") as new:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = ((stat.S_IFREG if name in known else kind) | 0o644) << 16
            new.writestr(info, content)


def listed(members: Members, name: str, content: bytes) -> None:
    """Put a member among the others, listed as it is."""
    members[name] = content
    contents = json.loads(members["contents.json"])
    contents["files"][name] = [len(content), hashlib.sha256(content).hexdigest()]
    members["contents.json"] = json.dumps(contents).encode()


def told(members: Members, **changes: Any) -> None:
    members["contents.json"] = json.dumps(
        {**json.loads(members["contents.json"]), **changes}
    ).encode()


def one(members: Members, end: str) -> str:
    return next(name for name in members if name.endswith(end))


def flip(members: Members) -> None:
    name = one(members, "predictions.safetensors")
    content = bytearray(members[name])
    content[-1] ^= 1
    members[name] = bytes(content)


def flip_knowingly(members: Members) -> None:
    """The checksum in the contents fits: the manifest's does not."""
    flip(members)
    name = one(members, "predictions.safetensors")
    listed(members, name, members[name])


def lengthen(members: Members) -> None:
    members[one(members, "predictions.safetensors")] += b"x"


def of_another(members: Members) -> None:
    name = one(members, "/manifest.json")
    content = json.loads(members[name])
    listed(members, name, json.dumps({**content, "fingerprint": "00000000"}).encode())


def unlisted(members: Members) -> None:
    members[one(members, "ancestor.json").replace("ancestor.json", "history.csv")] = b""


def holding(name: str) -> Change:
    return lambda members: listed(members, name, b"")


def without(end: str) -> Change:
    def change(members: Members) -> None:
        del members[one(members, end)]

    return change


BAD: dict[str, tuple[Change, str]] = {
    "flipped bit": (flip, "is not the file that was packed"),
    "flipped bit and checksum": (flip_knowingly, "its manifest is of other files"),
    "wrong size": (lengthen, r"has \d+ bytes, not \d+"),
    "missing file": (without("predictions.safetensors"), "lacks artifacts/"),
    "no contents": (without("contents.json"), "it has no contents.json"),
    "no card": (without("README.md"), "lacks README.md"),
    "more": (unlisted, "is not among its contents.json"),
    "climbing": (holding("artifacts/../../x/infer~00000000/manifest.json"), "leaves"),
    "climbing plainly": (holding("../x"), "leaves the folder"),
    "absolute": (holding("/tmp/x/infer~00000000/manifest.json"), "leaves the folder"),
    "backslash": (holding("artifacts/..\\x/infer~00000000/manifest.json"), "leaves"),
    "elsewhere": (holding("src/pipeline/errors.py"), "is no file of an artifact"),
    "a log": (holding("artifacts/a/infer~00000000/infer.log"), "no file of an art"),
    "a study": (holding("artifacts/studies/a/infer~00000000/manifest.json"), "no f"),
    "another artifact": (of_another, "its manifest is of another artifact"),
    "two manifests": (
        lambda m: listed(m, f"{one(m, '/manifest.json')[:-13]}ancestor.json", b"{}"), "2 manifests"
    ),
    "another format": (lambda m: told(m, format="x"), "another version of the pipeline"),
    "climbing study": (lambda m: told(m, study="../x"), "contents.json is not what was packed"),
    "odd contents": (lambda m: told(m, files=[1]), "contents.json is not what was packed"),
    "more contents": (lambda m: told(m, more=1), "contents.json is not what was packed"),
    "no JSON": (lambda m: m.update({"contents.json": b"\xff"}), "contents.json is not what was"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_was_not_packed_is_not_unpacked(small: Tree, call: Call, name: str) -> None:
    change, complaint = BAD[name]
    forge(pack(call), change)
    refused(call, complaint)


def refused(call: Call, complaint: str) -> None:
    status, lines = call("--artifacts", "mine", "unpack", "tiny.zip")
    assert isinstance(status, str)
    assert "\n" not in status
    with pytest.raises(PipelineError, match=complaint):
        raise PipelineError(status)
    assert lines == []
    assert not list(Path("mine").rglob("*"))


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFDIR]
)
def test_only_plain_files_are_unpacked(small: Tree, call: Call, kind: int) -> None:
    name = f"artifacts/{small.at('dropout-0', 'infer').relative_to(small.root)}/history.csv"
    forge(pack(call), lambda members: listed(members, name, b"/etc/passwd"), kind=kind)
    refused(call, "is not a plain file")


def test_no_member_comes_twice_or_compressed(small: Tree, call: Call) -> None:
    good = pack(call).read_bytes()
    with zipfile.ZipFile("tiny.zip", "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("study.yaml", "study: x")
    refused(call, "holds study.yaml twice")
    Path("tiny.zip").write_bytes(good)
    with zipfile.ZipFile("tiny.zip", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", "0" * 10**6)
    refused(call, "'bomb' is compressed or encrypted")


def test_damage_anywhere_is_found(small: Tree, call: Call) -> None:
    """Wherever a bit flips, and wherever an archive ends: one line, or nothing that matters."""
    archive = pack(call)
    good = archive.read_bytes()
    status, _ = call("--artifacts", "whole", "unpack", "tiny.zip")
    assert not status
    whole = {
        str(file.relative_to("whole")): file.read_bytes()
        for file in Path("whole").rglob("*")
        if file.is_file()
    }
    dice = np.random.default_rng(0)
    places = {*dice.integers(0, len(good), 60).tolist(), *range(len(good) - 400, len(good), 7)}
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << place % 8
        archive.write_bytes(bad)
        status, _ = call("--artifacts", f"mine-{place}", "unpack", "tiny.zip")
        found = {
            str(file.relative_to(f"mine-{place}")): file.read_bytes()
            for file in Path(f"mine-{place}").rglob("*")
            if file.is_file()
        }
        assert found == ({} if status else whole), place
        assert "\n" not in str(status)
    for end in (0, 100, len(good) // 2, len(good) - 1):
        archive.write_bytes(good[:end])
        refused(call, "tiny.zip is damaged or no archive of predictions")


def test_nothing_that_is_there_is_replaced(small: Tree, call: Call) -> None:
    pack(call)
    call("--artifacts", "mine", "unpack", "tiny.zip")
    folder = Path("mine") / small.at("dropout-0", "infer").relative_to(small.root)
    file = folder / "predictions.safetensors"
    file.write_bytes(b"mine")
    other = Path("mine") / small.at("dropout-0/l1-0.5", "infer").relative_to(small.root)
    for each in other.iterdir():
        each.unlink()
    other.rmdir()
    before = snapshot(Path("mine"))
    status, lines = call("--artifacts", "mine", "unpack", "tiny.zip")
    assert str(status).startswith(f"{folder} is there and is not what was packed; nothing was unp")
    assert (lines, snapshot(Path("mine"))) == ([], before)
    # A link that leads nowhere is something, too, and is not written through.
    file.unlink()
    (folder / "manifest.json").unlink()
    (folder / "provenance.json").unlink()
    folder.rmdir()
    folder.symlink_to("nowhere")
    status, _ = call("--artifacts", "mine", "unpack", "tiny.zip")
    assert str(status).startswith(f"{folder} is there and is not what was packed")
    # What is missing is put where it was.
    folder.unlink()
    _, lines = call("--artifacts", "mine", "unpack", "tiny.zip")
    assert lines[0] == "mine: 2 artifacts of the study 'tiny', and the same 6 were there already"
    assert (
        file.read_bytes()
        == (small.at("dropout-0", "infer") / "predictions.safetensors").read_bytes()
    )


def test_archives_may_be_larger_than_a_plain_zip_file(
    small: Tree, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if a file of 100 bytes were one of 4 GB.
    with monkeypatch.context() as small_limits:
        small_limits.setattr(zipfile, "ZIP64_LIMIT", 100)
        small_limits.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
        pack(call)
    assert not call("--artifacts", "mine", "unpack", "tiny.zip")[0]
    assert len(list(Path("mine").rglob("predictions.safetensors"))) == 3


def test_switches_do_not_travel(small: Tree, call: Call) -> None:
    content = yaml.safe_load(Path("tiny.yaml").read_text())
    Path("tiny.yaml").write_text(yaml.safe_dump({**content, "device": "cpu"}))
    pack(call)
    call("--artifacts", "mine", "unpack", "tiny.zip")
    assert yaml.safe_load(Path("mine/studies/tiny/study.yaml").read_text()) == content


def test_a_disk_must_have_room(small: Tree, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(call)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
    refused(call, "mine has room for 100 bytes, not ")
