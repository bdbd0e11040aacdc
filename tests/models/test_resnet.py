import pytest
import torch
import torchvision

from pipeline.models import build

# As kuangliu/pytorch-cifar counts them with 10 classes.
PARAMETERS = {34: 21_282_122, 50: 23_520_842}


@pytest.mark.parametrize("depth", PARAMETERS)
def test_number_of_parameters_on_small_images(depth: int) -> None:
    with torch.device("meta"):
        model = build("resnet", 10, depth=depth)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[depth]


def test_agrees_with_torchvision_on_large_images() -> None:
    reference = torchvision.models.resnet50(num_classes=7).eval()
    model = build("resnet", 7, depth=50, image_size=96).eval()
    model.load_state_dict(reference.state_dict())
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        assert torch.equal(model(images), reference(images))


def test_names_are_those_of_torchvision() -> None:
    with torch.device("meta"):
        model = build("resnet", 1000, depth=34, image_size=224)
        reference = torchvision.models.resnet34()
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in reference.state_dict().items()}
