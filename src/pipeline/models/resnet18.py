"""ResNet18 (He et al., Deep Residual Learning for Image Recognition, CVPR 2016)."""

from torch import nn

from pipeline.models.shared.residual import BasicBlock, ResNet

LABEL = "ResNet18"


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
    channels = [max(1, round(width * number)) for number in (64, 64, 128, 256, 512)]
    return ResNet(num_classes, BasicBlock, (2, 2, 2, 2), channels, dropout, image_size)
