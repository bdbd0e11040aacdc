import torch
from torch import nn
from torch.nn import functional as F

from pipeline.models import build
from pipeline.models.shared.dropout import Dropout

PLAN = [64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M",
        512, 512, 512, 512, "M"]  # fmt: skip


def test_is_the_published_sequence_of_layers() -> None:
    model = build("vgg19", 7, width=0.125).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.weight)
    images = torch.randn(2, 3, 32, 32)
    x, index = images, 0
    for entry in PLAN:
        if entry == "M":
            x, index = F.max_pool2d(x, 2), index + 1
        else:
            conv, norm = model.features[index], model.features[index + 1]
            assert conv.out_channels == entry // 8
            x = F.relu(norm(F.conv2d(x, conv.weight, conv.bias, padding=1)))
            index += 3
    expected = F.linear(x.flatten(1), model.classifier.weight, model.classifier.bias)
    torch.testing.assert_close(model(images), expected)


def test_larger_images_are_averaged_before_the_head() -> None:
    model = build("vgg19", 7, width=0.05, image_size=96).eval()
    images = torch.randn(2, 3, 96, 96)
    expected = model.classifier(model.features(images).mean(dim=(2, 3)))
    torch.testing.assert_close(model(images), expected)


def test_dropout_comes_before_the_channels_double_and_changes_no_key() -> None:
    plain, dropout = (build("vgg19", 7, width=0.05, dropout=p) for p in (0.0, 0.2))
    assert plain.state_dict().keys() == dropout.state_dict().keys()
    order = [
        type(m).__name__ if not isinstance(m, nn.Conv2d) else m.out_channels
        for m in dropout.modules()
        if isinstance(m, nn.Conv2d | nn.MaxPool2d) or (isinstance(m, Dropout) and m.p == 0.2)
    ]
    pooled = [i for i, layer in enumerate(order) if layer == "MaxPool2d"]
    assert [order[i + 1] == "Dropout" for i in pooled[:-1]] == [True, True, True, False]
    assert order.count("Dropout") == 3
