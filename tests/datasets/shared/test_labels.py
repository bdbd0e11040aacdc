"""ImageNet's validation images in one folder, with each of the files of labels that there are."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from torchvision.models import ResNet18_Weights

from pipeline.datasets import imagenet
from pipeline.errors import PipelineError

WNIDS = [f"n{number:08}" for number in (1440764, *range(2000000, 2000998), 15075141)]
# Image k is of class 999 − k.
NAMES = [f"ILSVRC2012_val_{number:08}" for number in range(1, 1001)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("imagenet")
    for wnid in WNIDS:
        (root / "train" / wnid).mkdir(parents=True)
        (root / "train" / wnid / "0.JPEG").write_bytes(b"picture")
    (root / "val").mkdir()
    for name in NAMES:
        (root / "val" / f"{name}.JPEG").write_bytes(b"picture")
    return root


def kaggle() -> list[str]:
    rows = [
        f"{name},{wnid} 1 2 3 4 {wnid} 5 6 7 8"
        for name, wnid in zip(NAMES, WNIDS[::-1], strict=True)
    ]
    return ["ImageId,PredictionString", *rows[::-1]]


FORMS = {
    "names": [f"{name}.JPEG {wnid}" for name, wnid in zip(NAMES, WNIDS[::-1], strict=True)],
    "kaggle": kaggle(),
    "classes": WNIDS[::-1],
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_those_of_the_file(root: Path, form: str) -> None:
    (root / "labels.txt").write_text("\n".join(FORMS[form]) + "\n")
    data = imagenet.load(root, test_labels="labels.txt")
    assert data.test.labels.tolist() == list(range(999, -1, -1))
    assert data.test.name(0) == "val/ILSVRC2012_val_00000001.JPEG"
    assert data.classes == tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])


def test_the_development_kits_numbers_need_its_table(root: Path) -> None:
    kit = root / "kit"
    kit.mkdir()
    # The kit numbers classes in an order of its own.
    (kit / "truth.txt").write_text("".join(f"{number}\n" for number in range(1, 1001)))
    with pytest.raises(PipelineError, match=r"truth.txt has numbers, and .*meta.mat.* is missing"):
        imagenet.load(root, test_labels="kit/truth.txt")
    synsets = np.array(
        [(number, wnid) for number, wnid in enumerate(WNIDS[::-1], start=1)],
        dtype=[("ILSVRC2012_ID", "O"), ("WNID", "O")],
    )
    savemat(kit / "meta.mat", {"synsets": synsets})
    data = imagenet.load(root, test_labels="kit/truth.txt")
    assert data.test.labels.tolist() == list(range(999, -1, -1))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (WNIDS[:-1], "has 999 lines for 1000 images"),
        (FORMS["names"][1:], f"says no class of {NAMES[0]}.JPEG"),
        ([*FORMS["names"][1:], f"{NAMES[0]}.JPEG tench"], "'tench', the class of .*, is none of"),
        ([*FORMS["names"][1:], f"{NAMES[0]}.JPEG {WNIDS[0]}"], f"no image is of class {WNIDS[-1]}"),
    ],
)
def test_what_does_not_fit_is_named(root: Path, lines: list[str], message: str) -> None:
    (root / "labels.txt").write_text("\n".join(lines))
    with pytest.raises(PipelineError, match=f"^{root}/labels.txt.*{message}") as caught:
        imagenet.load(root, test_labels="labels.txt")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_is_named(root: Path) -> None:
    with pytest.raises(PipelineError, match=r"nothing.txt: No such file"):
        imagenet.load(root, test_labels="nothing.txt")
