"""Folders of images: what is listed, in which order, and what is refused."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from torchvision.datasets import ImageFolder
from torchvision.models import ResNet18_Weights

from pipeline.cache import payloads
from pipeline.cache.specs import Data
from pipeline.datasets import StreamedDataset, imagefolder, imagenet
from pipeline.errors import PipelineError

MakeFolder = Callable[..., Path]


def names(data: StreamedDataset) -> list[str]:
    return [part.name(row) for part in (data.train, data.test) for row in range(len(part))]


def test_files_and_labels_are_those_of_torchvision(make_folder: MakeFolder) -> None:
    root = make_folder(train=11, val=3, classes=3)
    deeper = root / "train" / "class1" / "more"
    deeper.mkdir()
    shutil.copy(root / "train" / "class1" / "0.jpg", deeper / "a.JPEG")
    (root / "train" / "class1" / "readme.txt").write_text("no picture")
    data = imagefolder.load(root)
    data.check()
    assert len(data.train) == 34
    for part, name in ((data.train, "train"), (data.test, "val")):
        theirs = ImageFolder(root / name).samples
        found = zip((part.name(row) for row in range(len(part))), part.labels.tolist(), strict=True)
        assert list(found) == sorted((os.path.relpath(file, root), label) for file, label in theirs)
        sizes = [(root / part.name(row)).stat().st_size for row in range(len(part))]
        assert part.sizes.tolist() == sizes
    assert data.classes == ("class0", "class1", "class2")
    assert (data.image_size, data.resize_size) == (224, 256)
    assert data.train.ids.tolist() + data.test.ids.tolist() == list(range(34 + 9))


def test_hidden_folders_are_no_classes(make_folder: MakeFolder) -> None:
    root = make_folder()
    (root / "train" / ".cache").mkdir()
    assert imagefolder.load(root).classes == ("class0", "class1")


def test_the_list_depends_on_neither_place_nor_order(
    tmp_path: Path, make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder()
    first = imagefolder.load(root)
    payloads.save_dataset(tmp_path / "first", first)
    root.rename(tmp_path / "moved")
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: list(scandir(folder))[::-1])
    second = imagefolder.load(tmp_path / "moved")
    payloads.save_dataset(tmp_path / "second", second)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    (tmp_path / "moved" / "train" / "class0" / "0.jpg").write_bytes(b"another")
    assert imagefolder.load(tmp_path / "moved").source != first.source


def test_the_checksum_is_of_names_sizes_and_labels(make_folder: MakeFolder) -> None:
    root = make_folder(train=1, val=1)
    expected = hashlib.sha256()
    for part in ("train", "val"):
        for label in (0, 1):
            name = f"{part}/class{label}/0.jpg"
            expected.update(f"{name}\0{(root / name).stat().st_size}\0{label}\0".encode())
    assert imagefolder.load(root).source == f"4 files, sha256 {expected.hexdigest()}"


def test_names_of_any_bytes_survive(tmp_path: Path, make_folder: MakeFolder) -> None:
    root = make_folder(train=1, val=1)
    odd = os.fsdecode(b"\xff \xc3\xa4.jpg")
    (root / "train" / "class0" / "0.jpg").rename(root / "train" / "class0" / odd)
    payloads.save_dataset(tmp_path / "list", imagefolder.load(root))
    spec = Data("imagefolder", access=(("path", str(root)),))
    data = payloads.load_dataset(tmp_path / "list", spec)
    assert isinstance(data, StreamedDataset)
    assert names(data)[0] == f"train/class0/{odd}"
    assert data.root == root


def test_a_folder_that_is_gone_is_named_before_anything_is_read(
    tmp_path: Path, make_folder: MakeFolder
) -> None:
    payloads.save_dataset(tmp_path / "list", imagefolder.load(make_folder()))
    for access, place in (((("path", "/no/where"),), "/no/where"), ((), "data/imagefolder")):
        with pytest.raises(PipelineError, match=f"^{place} is missing"):
            payloads.load_dataset(tmp_path / "list", Data("imagefolder", access=access))


def remove_class(root: Path) -> None:
    shutil.rmtree(root / "val" / "class1")


def rename_class(root: Path) -> None:
    (root / "val" / "class1").rename(root / "val" / "class_1")


def add_class(root: Path) -> None:
    (root / "val" / "class2").mkdir()


def empty_class(root: Path) -> None:
    for file in (root / "val" / "class1").iterdir():
        file.unlink()


def remove_val(root: Path) -> None:
    shutil.rmtree(root / "val")


def flatten_val(root: Path) -> None:
    shutil.rmtree(root / "val")
    (root / "val").mkdir()
    shutil.copy(root / "train" / "class0" / "0.jpg", root / "val")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_class, "train/class1: there is no such class in .*val"),
        (rename_class, "train/class1: there is no such class in .*val"),
        (add_class, "val/class2: there is no such class in .*train"),
        (empty_class, "val/class1 holds no images"),
        (remove_val, "val: No such file or directory; expected `path:` to hold train/ and val/"),
        (flatten_val, "val holds no folders, expected one for each class"),
    ],
)
def test_what_does_not_fit_is_named(
    make_folder: MakeFolder, damage: Callable[[Path], None], message: str
) -> None:
    root = make_folder()
    damage(root)
    with pytest.raises(PipelineError, match=f"^{root}/{message}") as caught:
        imagefolder.load(root)
    assert "\n" not in str(caught.value)


def test_sizes_that_do_not_fit_are_refused(make_folder: MakeFolder) -> None:
    root = make_folder()
    assert imagefolder.load(root, crop_size=64).resize_size == 73
    with pytest.raises(PipelineError, match="resize_size is 100, not at least crop_size 224"):
        imagefolder.load(root, resize_size=100)


def lay_out_imagenet(root: Path, classes: list[str]) -> Path:
    for part in ("train", "val"):
        for name in classes:
            (root / part / name).mkdir(parents=True)
            (root / part / name / "0.JPEG").write_bytes(b"picture")
    return root


def test_imagenet_has_readable_names(tmp_path: Path) -> None:
    wnids = [f"n{number:08}" for number in (1440764, *range(2000000, 2000998), 15075141)]
    data = imagenet.load(lay_out_imagenet(tmp_path, wnids))
    data.check()
    assert data.classes == tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
    assert (data.classes[0], data.classes[-1]) == ("tench", "toilet tissue")
    assert (data.image_size, data.resize_size) == (224, 256)
    assert (data.mean, data.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["n01440764", "tench"], "train/tench is not a class of ImageNet.*`imagefolder`"),
        (["n01440764", "n02102040"], "train holds 2 classes from .* not ImageNet's 1000"),
    ],
)
def test_another_folder_is_not_imagenet(tmp_path: Path, classes: list[str], message: str) -> None:
    with pytest.raises(PipelineError, match=f"^{tmp_path}/{message}"):
        imagenet.load(lay_out_imagenet(tmp_path, classes))


def test_what_is_hidden_is_no_image_at_any_depth(make_folder: MakeFolder) -> None:
    root = make_folder()
    before = names(imagefolder.load(root))
    folder = root / "train" / "class0"
    for hidden in ("._0.jpg", ".ipynb_checkpoints/0-checkpoint.jpg", "more/.cache/deep/1.jpg"):
        (folder / hidden).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "0.jpg", folder / hidden)
    assert names(imagefolder.load(root)) == before


def test_what_is_left_out_is_counted(
    make_folder: MakeFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_folder()
    for number, name in enumerate(("a.gif", "b.GIF", "c.avif", "d.jfif", "Thumbs")):
        (root / ("train", "val")[number % 2] / "class0" / name).write_bytes(b"x")
    imagefolder.load(root)
    said = "left out: 2 .gif, 1 .avif, 1 .jfif, 1 without extension; images end in .jpg"
    assert said in capsys.readouterr().out
    for file in (root / "val" / "class1").iterdir():
        file.rename(file.with_suffix(".gif"))
    with pytest.raises(PipelineError, match=r"val/class1 holds no images, only \.gif$"):
        imagefolder.load(root)


def test_parts_may_have_other_names(make_folder: MakeFolder) -> None:
    root = make_folder()
    plain = imagefolder.load(root)
    (root / "train").rename(root / "Training")
    (root / "val").rename(root / "valid")
    with pytest.raises(PipelineError, match=r"train: No such file.*`train:` and `test:`"):
        imagefolder.load(root)
    data = imagefolder.load(root, train="Training", test="valid/")
    assert data.test.name(0) == "valid/class0/0.jpg"
    assert data.train.labels.tolist() == plain.train.labels.tolist()
    with pytest.raises(PipelineError, match="would be the training and the test set"):
        imagefolder.load(root, train="valid", test="valid")
    for name in ("", "..", "../other", str(root / "valid")):
        with pytest.raises(PipelineError, match="is not a folder within `path:`"):
            imagefolder.load(root, train="Training", test=name)


def test_options_are_kept_with_the_list(tmp_path: Path, make_folder: MakeFolder) -> None:
    root = make_folder()
    options = {
        "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "flip": False, "scale": (0.5, 1.0),
        "orient": True,
    }  # fmt: skip
    payloads.save_dataset(tmp_path / "list", imagefolder.load(root, **options))  # type: ignore[arg-type]
    found = payloads.load_dataset(
        tmp_path / "list", Data("imagefolder", access=(("path", str(root)),))
    )
    assert {name: getattr(found, name) for name in options} == options
    with pytest.raises(PipelineError, match=r"scale is \[0.5, 1.5\], not \[least, most\]"):
        imagefolder.load(root, scale=(0.5, 1.5))


def test_the_list_has_the_bytes_of_version_0_2(tmp_path: Path) -> None:
    """The SHA-256 of what the released code wrote of the same folder."""
    for part, count in (("train", 2), ("val", 1)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                (tmp_path / part / name / f"{number}.png").write_bytes(name.encode() * (number + 1))
    payloads.save_dataset(tmp_path / "list", imagefolder.load(tmp_path, crop_size=32))
    digest = hashlib.sha256((tmp_path / "list").read_bytes()).hexdigest()
    assert digest == ("d9d19fe8f1dfcf7724c38d3d5c3c6a413f763ad35f16d859f48ded4016b7f999")
