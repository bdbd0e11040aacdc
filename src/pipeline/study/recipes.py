"""Recipes: the published ones, and what a study changes of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipeline.cache.specs import Recipe

# The CIFAR recipe of kuangliu/pytorch-cifar, whose schedule takes 200 epochs.
TRAIN = Recipe(epochs=200)

# Ding et al., ResRep, ICCV 2021: the official code's recipe for CIFAR; 180 epochs are the paper's.
PRUNE = Recipe(
    epochs=180, batch_size=64, lr=0.01, weight_decay=1e-4, schedule="cosine_iteration",
    drop_last=True, decay_normalisation=False, bias_lr=2.0,
)  # fmt: skip


def train(given: Mapping[str, Any]) -> Recipe:
    """The recipe of every training."""
    return changed(TRAIN, given)


def finetune(trained: Recipe, given: Mapping[str, Any]) -> Recipe:
    """The recipe after pruning: that of the training, but for its length."""
    # The penalty prepares for pruning; after it, there is nothing to prepare for.
    return changed(replace(trained, epochs=150, gamma_l1=0.0), given)


def prune(given: Mapping[str, Any]) -> Recipe:
    """The recipe of pruners that train while they prune."""
    return changed(PRUNE, given)


def changed(base: Recipe, given: Mapping[str, Any]) -> Recipe:
    """A recipe with some fields replaced; ``lr: 1`` and ``lr: 1.0`` are the same."""
    return replace(
        base, **{name: type(getattr(base, name))(value) for name, value in given.items()}
    )
