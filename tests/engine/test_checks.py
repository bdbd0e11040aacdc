"""A recipe that cannot work is refused before it is used, in a line that names the study's key."""

import pytest
import torch
from torch import nn

from pipeline.cache.specs import Recipe
from pipeline.engine.checks import check_recipe
from pipeline.errors import PipelineError
from pipeline.models import build


def refused(message: str) -> "pytest.RaisesExc[PipelineError]":
    return pytest.raises(PipelineError, match=f"^{message}$")


def test_a_batch_larger_than_the_training_set() -> None:
    recipe = Recipe(1, batch_size=64, drop_last=True)
    check_recipe(recipe, 64, key="prune")
    with refused(
        "prune: batch_size 64 with drop_last: true leaves no batch of 63 training images; "
        "lower batch_size"
    ):
        check_recipe(recipe, 63, key="prune")
    check_recipe(Recipe(1, batch_size=64), 63)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(1, batch_size=8), "train: with batch_size 8 and 41 training images, the last batch "
         "has one image, and batch norm layer4.0.bn1 cannot be trained on one value per channel; "
         "set drop_last: true, or change batch_size"),
        (Recipe(1, batch_size=1, drop_last=True), "train: with batch_size 1 and 41 training "
         "images, each batch has one image, and batch norm layer4.0.bn1 cannot be trained on one "
         "value per channel; raise batch_size"),
    ],
)  # fmt: skip
def test_a_last_batch_of_one_image(recipe: Recipe, message: str) -> None:
    # Images of 8 pixels end as one pixel, those of 16 as four.
    model = build("resnet18", 4, width=1 / 16, image_size=8)
    with refused(message):
        check_recipe(recipe, 41, model, image_size=8, key="train")
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        model.train()(torch.zeros(1, 3, 8, 8))
    check_recipe(recipe, 41, model, image_size=16, key="train")


@pytest.mark.parametrize(
    ("recipe", "images"),
    [(Recipe(1, batch_size=8), 42), (Recipe(1, batch_size=8, drop_last=True), 41)],
)
def test_other_last_batches_pass(recipe: Recipe, images: int) -> None:
    check_recipe(recipe, images, build("resnet18", 4, width=1 / 16, image_size=8), image_size=8)


def test_a_network_without_batch_norms_passes() -> None:
    check_recipe(Recipe(1, batch_size=8), 41, nn.Sequential(nn.Conv2d(3, 2, 8)), image_size=8)


def test_the_check_leaves_the_network_and_the_generator_alone() -> None:
    torch.manual_seed(0)
    model = build("resnet18", 4, width=1 / 16, dropout=0.2, image_size=16).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    check_recipe(Recipe(1, batch_size=8), 41, model, image_size=16)
    assert not model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
