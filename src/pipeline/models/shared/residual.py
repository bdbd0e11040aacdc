"""Residual networks (He et al., Deep Residual Learning for Image Recognition, CVPR 2016)."""

from collections.abc import Sequence

from torch import Tensor, nn

from pipeline.models.shared.dropout import Dropout
from pipeline.models.shared.stages import Block, add_stages


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """A block's way past its layers: a 1×1 convolution where the shape changes, else nothing."""
    if stride == 1 and inputs == outputs:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = Dropout(dropout)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps [B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out = self.relu(out + self.downsample(x))
        return self.dropout(out)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """Stem, four stages, average pool, linear head.

    Images of up to 64 pixels get the CIFAR form of kuangliu/pytorch-cifar: a 3×3 stem without
    max-pool and torch's default initialisation. Larger ones get torchvision's ImageNet form. Both
    use torchvision's names, so its ImageNet weights load as they are.

    Args:
        num_classes: Number of logits.
        block: Makes a block of a stage.
        blocks: How many of them each stage has.
        channels: Of the stem, then of each stage.
        dropout: Probability of dropout after each block.
        image_size: Height and width of the images.
    """

    def __init__(
        self,
        num_classes: int,
        block: Block,
        blocks: Sequence[int],
        channels: Sequence[int],
        dropout: float,
        image_size: int,
    ) -> None:
        super().__init__()
        stem, *widths = channels
        imagenet = image_size > 64
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
        if imagenet:
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, 3, H, W] to logits [B, num_classes]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.fc(self.avgpool(x).flatten(1))  # type: ignore[no-any-return]
