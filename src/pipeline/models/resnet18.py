"""ResNet18 (He et al., Deep Residual Learning for Image Recognition, CVPR 2016).

Images of up to 64 pixels get the CIFAR form of kuangliu/pytorch-cifar: a 3×3 stem without
max-pool and torch's default initialisation. Larger ones get torchvision's ImageNet form. Both use
torchvision's names, so its ImageNet weights load as they are.
"""

from torch import Tensor, nn

from pipeline.models.shared.dropout import Dropout

LABEL = "ResNet18"


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut, which is a 1×1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = Dropout(dropout)
        self.downsample = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.downsample.append(nn.Conv2d(inputs, outputs, 1, stride, bias=False))
            self.downsample.append(nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps [B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out = self.relu(out + self.downsample(x))
        return self.dropout(out)  # type: ignore[no-any-return]


def _stage(inputs: int, outputs: int, stride: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(inputs, outputs, stride, dropout), BasicBlock(outputs, outputs, 1, dropout)
    )


class ResNet18(nn.Module):
    """Stem, four stages of two blocks, average pool, linear head."""

    def __init__(self, num_classes: int, widths: list[int], dropout: float, imagenet: bool) -> None:
        super().__init__()
        stem = widths[0]
        self.conv1 = (
            nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
            if imagenet
            else nn.Conv2d(3, stem, 3, padding=1, bias=False)
        )
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if imagenet else nn.Identity()
        self.layer1 = _stage(stem, widths[0], 1, dropout)
        self.layer2 = _stage(widths[0], widths[1], 2, dropout)
        self.layer3 = _stage(widths[1], widths[2], 2, dropout)
        self.layer4 = _stage(widths[2], widths[3], 2, dropout)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, 3, H, W] to logits [B, num_classes]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))  # type: ignore[no-any-return]


def build(
    num_classes: int, *, width: float = 1.0, dropout: float = 0.0, image_size: int = 32
) -> nn.Module:
    """A ResNet18 with freshly drawn weights.

    Args:
        num_classes: Number of logits.
        width: Factor on all numbers of channels, each rounded and at least 1.
        dropout: Probability of dropout after each block (paper, Section 6.1).
        image_size: Height and width of the images; more than 64 means the ImageNet form.
    """
    widths = [max(1, round(width * channels)) for channels in (64, 128, 256, 512)]
    imagenet = image_size > 64
    model = ResNet18(num_classes, widths, dropout, imagenet)
    if imagenet:
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model
