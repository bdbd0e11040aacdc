"""Weights that a study gives instead of a training."""

import pickle
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision.models
from safetensors.torch import save_file
from torch import Tensor

from pipeline.cache import payloads
from pipeline.cache.files import sha256
from pipeline.cache.specs import Data, Recipe, Train
from pipeline.datasets import Dataset
from pipeline.errors import PipelineError
from pipeline.models import build
from pipeline.models.shared.weights import given_weights, load_weights
from pipeline.running.job import Job
from pipeline.running.switches import Switches
from pipeline.stages import train


def weights(**options: float) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return build("resnet18", 4, width=1 / 16, image_size=8, **options).state_dict()


def given(path: Path) -> dict[str, Tensor]:
    return given_weights(sha256(path), str(path))


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_network_is_the_given_one(
    tmp_path: Path,
    make_dataset: Callable[..., Dataset],
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    dropout: float,
) -> None:
    payloads.save_dataset(tmp_path / "images.safetensors", make_dataset())
    path = tmp_path / f"weights.{suffix}"
    (save_file if suffix == "safetensors" else torch.save)(weights(), path)  # type: ignore[operator]
    monkeypatch.setattr(Job, "payload_path", lambda job, parent: tmp_path / "images.safetensors")
    spec = Train(
        Data("digits"), "resnet18", Recipe(epochs=0), (("width", 1 / 16),), dropout,
        init=sha256(path), init_path=str(path),
    )  # fmt: skip
    job = Job(spec, Switches(artifacts=tmp_path))
    train.run(spec, job)
    model = payloads.load_model(job.path("model.safetensors"))
    assert model.description.dropout == dropout  # type: ignore[union-attr]
    for name, tensor in weights().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=0, atol=0)
    # What a study has made can be given to another one.
    assert given(job.path("model.safetensors")).keys() == weights().keys()


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(1, batch_size=64, drop_last=True), "train: batch_size 64 .* of 40 training images"),
        (Recipe(1, batch_size=13), "train: with batch_size 13 and 40 training images, the last"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_by_its_key(
    tmp_path: Path,
    make_dataset: Callable[..., Dataset],
    monkeypatch: pytest.MonkeyPatch,
    recipe: Recipe,
    message: str,
) -> None:
    payloads.save_dataset(tmp_path / "images.safetensors", make_dataset())
    monkeypatch.setattr(Job, "payload_path", lambda job, parent: tmp_path / "images.safetensors")
    spec = Train(Data("digits"), "resnet18", recipe, (("width", 1 / 16),))
    with pytest.raises(PipelineError, match=f"^{message}"):
        train.run(spec, Job(spec, Switches(artifacts=tmp_path)))


def test_weights_without_counters_will_do() -> None:
    state = {k: v + 1 for k, v in weights().items() if not k.endswith("num_batches_tracked")}
    model = build("resnet18", 4, width=1 / 16, image_size=8)
    load_weights(model, state, "here")
    assert torch.equal(model.state_dict()["layer4.1.bn2.running_var"], torch.full((32,), 2.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 1 / 8}, r"conv1.weight has shape \(4, 3, 3, 3\), not \(8, 3, 3, 3\)"),
        ({"width": 1 / 16, "num_classes": 5}, r"fc.weight has shape \(4, 32\), not \(5, 32\), fc"),
        (
            {"arch": "vgg19", "width": 1 / 16, "image_size": 32},
            "features.0.weight is missing, .*more",
        ),
    ],
)
def test_weights_of_another_network_are_refused(options: dict[str, object], message: str) -> None:
    model = build(**{"arch": "resnet18", "num_classes": 4, "image_size": 8} | options)  # type: ignore[arg-type]
    with pytest.raises(PipelineError, match=f"^here does not fit the network: {message}"):
        load_weights(model, weights(), "here")


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    refused = "cannot be read as tensors and nothing else"
    for content in (b"no weights", b"", pickle.dumps(print, protocol=2)):
        path.write_bytes(content)
        with pytest.raises(PipelineError, match=refused):
            given(path)
    torch.save(build("resnet18", 4, width=1 / 16), path)  # a whole module
    with pytest.raises(PipelineError, match=refused):
        given(path)
    torch.save({"optimizer": {"state": weights()}}, path)
    with pytest.raises(PipelineError, match="does not hold a state dict: names with tensors"):
        given(path)
    damaged = tmp_path / "weights.safetensors"
    damaged.write_bytes(b"no weights")
    with pytest.raises(PipelineError, match=refused):
        given(damaged)


def test_a_file_that_is_gone_or_has_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with pytest.raises(PipelineError, match="is missing"):
        given_weights("0" * 64, str(path))
    torch.save(weights(), path)
    with pytest.raises(PipelineError, match="has changed since the study was read"):
        given_weights("0" * 64, str(path))


def test_weights_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    their = torchvision.models.resnet18().state_dict()
    asked = []

    def download(url: str, **options: object) -> dict[str, Tensor]:
        asked.append((url, options["weights_only"], options["check_hash"]))
        return their

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    state = given_weights("ResNet18_Weights.IMAGENET1K_V1", None)
    assert asked == [(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url, True, True)]
    model = build("resnet18", 1000, image_size=224)
    load_weights(model, state, "torchvision")
    assert torch.equal(model.get_parameter("fc.weight"), their["fc.weight"])


def test_torchvision_without_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(url: str, **options: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    name = "ResNet18_Weights.IMAGENET1K_V1"
    with pytest.raises(
        PipelineError, match=f"^{name} could not be downloaded: .*no route"
    ) as caught:
        given_weights(name, None)
    assert "\n" not in str(caught.value)
    for unknown in ("ResNet18_Weights.V9", "ResNet17_Weights.V1"):
        with pytest.raises(PipelineError, match=f"^torchvision has no weights {unknown}$"):
            given_weights(unknown, None)
