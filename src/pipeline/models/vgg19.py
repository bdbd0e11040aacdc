"""VGG19 with batch norm in its CIFAR form, as in kuangliu/pytorch-cifar.

Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR
2015; the three linear layers of the original are one here.
"""

from torch import Tensor, nn

from pipeline.errors import PipelineError
from pipeline.models.shared.dropout import Dropout

LABEL = "VGG19"

STAGES = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # channels, convolutions


class VGG19(nn.Module):
    """Five stages of 3×3 convolutions, each with a max-pool behind it, and a linear head."""

    def __init__(self, num_classes: int, width: float, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for stage, (channels, convolutions) in enumerate(STAGES, 1):
            outputs = max(1, round(width * channels))
            for _ in range(convolutions):
                layers += [
                    nn.Conv2d(inputs, outputs, 3, padding=1),
                    nn.BatchNorm2d(outputs),
                    nn.ReLU(inplace=True),
                ]
                inputs = outputs
            pool = nn.MaxPool2d(2)
            # Within the pool's place, so that dropout does not change the layers' names.
            layers.append(nn.Sequential(pool, Dropout(dropout)) if stage <= 3 else pool)
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, 3, H, W] to logits [B, num_classes]."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))  # type: ignore[no-any-return]


def build(
    num_classes: int, *, width: float = 1.0, dropout: float = 0.0, image_size: int = 32
) -> nn.Module:
    """A VGG19 with freshly drawn weights.

    Args:
        num_classes: Number of logits.
        width: Factor on all numbers of channels, each rounded and at least 1.
        dropout: Probability of dropout before the channels double: after the first three pools
            (paper, Section 6.1).
        image_size: Height and width of the images, at least 32.

    Raises:
        PipelineError: the images are too small for five poolings.
    """
    if image_size < 32:
        raise PipelineError(
            f"vgg19 halves images five times: image_size is {image_size}, not >= 32"
        )
    return VGG19(num_classes, width, dropout)
