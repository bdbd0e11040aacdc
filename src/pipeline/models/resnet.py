"""Deeper ResNets (He et al., Deep Residual Learning for Image Recognition, CVPR 2016).

Images of up to 64 pixels get the CIFAR form of kuangliu/pytorch-cifar, as `resnet18` does; larger
ones get torchvision's ImageNet form. Both use torchvision's names, so its ImageNet weights load as
they are. The stride of a bottleneck is that of its 3×3 convolution.
"""

from typing import Literal

from torch import Tensor, nn

from pipeline.models.resnet18 import BasicBlock
from pipeline.models.shared.dropout import Dropout
from pipeline.models.shared.stages import Block, add_stages

LABEL = "ResNet"

BLOCKS = {34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolution, the last with four times the channels, and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        middle = max(1, outputs // 4)
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = Dropout(dropout)
        self.downsample = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.downsample.append(nn.Conv2d(inputs, outputs, 1, stride, bias=False))
            self.downsample.append(nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps [B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.relu(self.bn3(self.conv3(out)) + self.downsample(x))
        return self.dropout(out)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """Stem, four stages, average pool, linear head."""

    def __init__(
        self,
        num_classes: int,
        block: Block,
        blocks: tuple[int, ...],
        stem: int,
        widths: list[int],
        dropout: float,
        imagenet: bool,
    ) -> None:
        super().__init__()
        self.conv1 = (
            nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
            if imagenet
            else nn.Conv2d(3, stem, 3, padding=1, bias=False)
        )
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if imagenet else nn.Identity()
        stages = list(zip(widths, blocks, strict=True))
        self.stages = add_stages(self, block, stem, stages, dropout)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, 3, H, W] to logits [B, num_classes]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.fc(self.avgpool(x).flatten(1))  # type: ignore[no-any-return]


def build(
    num_classes: int,
    *,
    width: float = 1.0,
    dropout: float = 0.0,
    image_size: int = 32,
    depth: Literal[34, 50, 101, 152] = 50,
) -> nn.Module:
    """A ResNet with freshly drawn weights.

    Args:
        num_classes: Number of logits.
        width: Factor on all numbers of channels, each rounded and at least 1.
        dropout: Probability of dropout after each block.
        image_size: Height and width of the images; more than 64 means the ImageNet form.
        depth: Number of layers with weights; from 50 on, blocks are bottlenecks.
    """
    basic = depth == 34
    stem, *widths = (
        max(1, round(width * channels))
        for channels in (64, *(c if basic else 4 * c for c in (64, 128, 256, 512)))
    )
    imagenet = image_size > 64
    block: Block = BasicBlock if basic else Bottleneck
    model = ResNet(num_classes, block, BLOCKS[depth], stem, widths, dropout, imagenet)
    if imagenet:
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model
