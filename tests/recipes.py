"""The published recipes, which tests of rates and of groups share."""

from pipeline.cache.specs import Recipe

# kuangliu/pytorch-cifar: SGD(lr=0.1, momentum=0.9, weight_decay=5e-4), CosineAnnealingLR(T_max);
# pytorch/examples: SGD(0.1, momentum=0.9, weight_decay=1e-4), StepLR(step_size=30, gamma=0.1);
# DingXiaoH/ResRep: lr 0.01, cosine to 0 over all iterations.
CIFAR = Recipe(epochs=200)
IMAGENET = Recipe(epochs=90, batch_size=256, weight_decay=1e-4, schedule="step")
RESREP = Recipe(
    epochs=180, batch_size=64, lr=0.01, weight_decay=1e-4, schedule="cosine_iteration",
    drop_last=True, decay_normalisation=False, bias_lr=2.0,
)  # fmt: skip
