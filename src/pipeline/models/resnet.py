"""Deeper ResNets (He et al., Deep Residual Learning for Image Recognition, CVPR 2016).

The stride of a bottleneck is that of its 3×3 convolution, as in torchvision.
"""

from typing import Literal

from torch import Tensor, nn

from pipeline.models.shared.dropout import Dropout
from pipeline.models.shared.residual import BasicBlock, ResNet, shortcut
from pipeline.models.shared.stages import Block

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
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps [B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.relu(self.bn3(self.conv3(out)) + self.downsample(x))
        return self.dropout(out)  # type: ignore[no-any-return]


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
    stages = (64, 128, 256, 512) if depth == 34 else (256, 512, 1024, 2048)
    channels = [max(1, round(width * number)) for number in (64, *stages)]
    block: Block = BasicBlock if depth == 34 else Bottleneck
    return ResNet(num_classes, block, BLOCKS[depth], channels, dropout, image_size)
