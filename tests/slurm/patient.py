"""ResNet18 whose every step of training takes a while, so that something can happen meanwhile."""

import os
import time

from torch import nn

from pipeline.models import resnet18


def _wait(model: nn.Module, _: object) -> None:
    if model.training:
        time.sleep(float(os.environ.get("SECONDS_PER_STEP", 0)))


def build(
    num_classes: int, *, dropout: float = 0.0, image_size: int = 32, width: float = 1.0
) -> nn.Module:
    model = resnet18.build(num_classes, dropout=dropout, image_size=image_size, width=width)
    model.register_forward_pre_hook(_wait)
    return model
