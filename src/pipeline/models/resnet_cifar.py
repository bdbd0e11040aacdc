"""The narrow ResNets for CIFAR (He et al., Deep Residual Learning for Image Recognition, CVPR 2016,
Section 4.2): three stages of 16, 32 and 64 channels, shortcuts without weights.

Where a stage begins, the shortcut takes every second pixel and stands between channels of zeros
("option A"). Weights are drawn after He et al., Delving Deep into Rectifiers, ICCV 2015.
"""

from typing import Literal

from torch import Tensor, nn

from pipeline.models.shared.dropout import Dropout
from pipeline.models.shared.padding import ChannelPad
from pipeline.models.shared.stages import add_stages

LABEL = "ResNet (CIFAR)"


class Block(nn.Module):
    """Two 3×3 convolutions and a shortcut without weights."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.stride = stride
        before = (outputs - inputs) // 2
        self.shortcut = (
            nn.Identity()
            if inputs == outputs
            else ChannelPad(inputs, before, outputs - inputs - before)
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps [B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out = self.relu(out + self.shortcut(x[:, :, :: self.stride, :: self.stride]))
        return self.dropout(out)  # type: ignore[no-any-return]


class ResNetCifar(nn.Module):
    """A 3×3 stem, three stages, average pool, linear head."""

    def __init__(self, num_classes: int, blocks: int, widths: list[int], dropout: float) -> None:
        super().__init__()
        inputs = widths[0]
        self.conv1 = nn.Conv2d(3, inputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU(inplace=True)
        stages = [(width, blocks) for width in widths]
        self.stages = add_stages(self, Block, inputs, stages, dropout)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, 3, H, W] to logits [B, num_classes]."""
        x = self.relu(self.bn1(self.conv1(x)))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.fc(self.avgpool(x).flatten(1))  # type: ignore[no-any-return]


def build(
    num_classes: int,
    *,
    width: float = 1.0,
    dropout: float = 0.0,
    image_size: int = 32,
    depth: Literal[20, 32, 44, 56, 110] = 20,
) -> nn.Module:
    """A ResNet for CIFAR with freshly drawn weights.

    Args:
        num_classes: Number of logits.
        width: Factor on all numbers of channels, each rounded and at least 1.
        dropout: Probability of dropout after each block.
        image_size: Height and width of the images.
        depth: Number of layers with weights, 6n + 2 for n blocks in each stage.
    """
    widths = [max(1, round(width * channels)) for channels in (16, 32, 64)]
    model = ResNetCifar(num_classes, (depth - 2) // 6, widths, dropout)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return model
