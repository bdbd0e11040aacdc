import pytest
import torch
from torch import nn

from pipeline.engine.inference import predict
from pipeline.errors import PipelineError
from pipeline.models import build, rebuild
from pipeline.models.shared.dropout import Dropout
from pipeline.pruning import prune


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "resnet19"}, "torchvision: model: there is no classifier 'resnet19'; there is "),
        ({}, "torchvision: model: there is no classifier ''"),
        ({"model": "fcn_resnet50"}, "torchvision: model: there is no classifier 'fcn_resnet50'"),
        ({"model": "resnet18", "width": 2}, "torchvision: unknown option 'width'; allowed: model"),
        ({"model": "vgg11", "stem": "small"}, "vgg11: stem: small: its first convolution keeps"),
        ({"model": "vit_b_32", "image_size": 33}, "torchvision: vit_b_32 cannot be built: "),
    ],
)
def test_what_there_is_not_is_refused_in_one_line(options: dict[str, object], message: str) -> None:
    with torch.device("meta"), pytest.raises(PipelineError) as refused:
        build("torchvision", 10, **options)  # type: ignore[arg-type]
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_a_small_stem_makes_the_cifar_form() -> None:
    """torchvision's ResNet18 with a small stem is our own on small images."""
    with torch.device("meta"):
        model = build("torchvision", 10, model="resnet18", stem="small", image_size=32)
        own = build("resnet18", 10)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in own.state_dict().items()}
    assert model.get_submodule("conv1").stride == (1, 1)
    assert isinstance(model.get_submodule("maxpool"), nn.Identity)


@pytest.mark.parametrize(
    ("model", "places"),
    [
        ("resnet18", ["layer1.dropout", "layer2.dropout", "layer3.dropout", "layer4.dropout"]),
        ("mobilenet_v3_small", ["classifier.2"]),
        ("densenet121", [f"features.transition{n}.dropout" for n in (1, 2, 3)]),
        ("shufflenet_v2_x0_5", ["stage2.dropout", "stage3.dropout", "stage4.dropout"]),
        ("convnext_tiny", [f"features.{n}.dropout" for n in (1, 3, 5, 7)]),
    ],
)
def test_dropout_lies_where_the_network_has_it_or_after_each_stage(
    model: str, places: list[str]
) -> None:
    with torch.device("meta"):
        plain = build("torchvision", 10, model=model)
        network = build("torchvision", 10, model=model, dropout=0.3)
    found = [(n, m.p) for n, m in network.named_modules() if isinstance(m, Dropout)]
    assert found == [(place, 0.3) for place in places]
    assert network.state_dict().keys() == plain.state_dict().keys()
    assert not any(isinstance(m, Dropout) for m in plain.modules())


def test_a_network_is_pruned_built_again_and_drops() -> None:
    torch.manual_seed(0)
    model = build("torchvision", 4, model="mobilenet_v3_small", stem="small", dropout=0.2).eval()
    images = torch.randn(2, 3, 32, 32)
    smaller, report = prune(model, "batchnorm", 0.5, example_input=images)
    assert report.parameters < 0.5 * report.parameters_before
    state = {key: tensor.clone() for key, tensor in smaller.state_dict().items()}
    twin = rebuild(smaller.description, state).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        assert torch.equal(twin(images), smaller.eval()(images))


def test_passes_of_dropout_on_features_differ(make_dataset) -> None:  # type: ignore[no-untyped-def]
    """Dropout in a head acts on [B, C], not on maps."""
    model = build("torchvision", 4, model="squeezenet1_1", stem="small", dropout=0.5)
    model.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), Dropout(0.5),
                                     nn.Linear(512, 4))  # fmt: skip
    logits = predict(model, make_dataset(test=3, size=32), samples=2)
    again = predict(model, make_dataset(test=3, size=32), samples=2)
    assert torch.equal(logits, again)
    assert not torch.equal(logits[0], logits[1])
