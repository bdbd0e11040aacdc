"""The recipe of a training, which specs hold and fingerprints cover."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are the CIFAR recipe of kuangliu/pytorch-cifar.

    Attributes:
        epochs: Passes over the training set.
        batch_size: Images a step.
        lr: The highest learning rate of SGD.
        momentum: SGD's momentum.
        weight_decay: L2 penalty on all parameters.
        schedule: ``cosine`` (to 0, one value per epoch), ``cosine_iteration`` (one per iteration)
            or ``step`` (a tenth every `step_epochs`).
        step_epochs: The period of ``step``.
        warmup_epochs: Epochs over which the learning rate rises linearly, before the schedule.
        drop_last: Leave out the last batch of an epoch when it is short.
        augment: Random crops and flips, as the data set says.
        decay_normalisation: Whether weight decay reaches BatchNorm's parameters and the biases.
        bias_lr: Factor on the learning rate of the biases.
        gamma_l1: Weight of an L1 penalty on the scales of the batch norms, which prepares a network
            for pruning by them (Liu et al., Network Slimming, ICCV 2017).
        precision: ``float32``, ``bfloat16`` (for convolutions and products; weights stay float32),
            or ``auto``: bfloat16 on GPUs that are made for it. Convolutions in float32 are TF32 on
            GPUs that have it, torch's default.
    """

    epochs: int
    batch_size: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "cosine"
    step_epochs: int = 30
    warmup_epochs: float = 0.0
    drop_last: bool = False
    augment: bool = True
    decay_normalisation: bool = True
    bias_lr: float = 1.0
    gamma_l1: float = 0.0
    precision: str = "auto"
