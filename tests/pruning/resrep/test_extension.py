"""What ResRep adds to the loop: groups of its own, and rows masked step by step."""

from collections import Counter

import torch

from pipeline.cache.specs import Recipe
from pipeline.cutting.coupling import find_groups
from pipeline.models import build
from pipeline.pruning.resrep.compactors import insert
from pipeline.pruning.resrep.extension import ResRep
from pipeline.pruning.resrep.masking import Masking

RECIPE = Recipe(1, decay_normalisation=False, bias_lr=2.0)


def test_compactors_are_optimised_apart() -> None:
    model = build("resnet18", 4, width=0.0625)
    compactors = insert(model, find_groups(model, torch.zeros(1, 3, 32, 32)))
    masking = Masking(0, 1, 4, 1e-4, 1e-4, 0.99)
    extension = ResRep(compactors, RECIPE, masking, lambda counts: False)
    *others, last = extension.parameter_groups(model)
    assert (last.momentum, last.weight_decay, last.lr_scale) == (0.99, 0.0, 1.0)
    assert [id(p) for p in last.parameters] == [id(c.weight) for c in compactors.values()]
    everything = [id(p) for group in (*others, last) for p in group.parameters]
    assert sorted(everything) == sorted(id(p) for p in model.parameters())


def test_rows_are_masked_step_by_step() -> None:
    model = build("resnet18", 4, width=0.0625)
    compactors = insert(model, find_groups(model, torch.zeros(1, 3, 32, 32)))
    masking = Masking(warm_up=3, interval=2, rows_per_step=4, lasso=0.0, lasso_masked=1.0,
                        compactor_momentum=0.9)  # fmt: skip

    def enough(counts: Counter[str]) -> bool:
        return counts.total() >= 6

    extension = ResRep(compactors, RECIPE, masking, enough)
    numbers = []
    for iteration in range(10):
        for compactor in compactors.values():
            compactor.weight.grad = torch.zeros_like(compactor.weight)
        extension.before_step(iteration)
        extension.after_backward(0.01)
        numbers.append(sum(int(mask.sum()) for mask in extension.masked.values()))
    assert numbers == [0, 0, 0, 0, 4, 4, 6, 6, 6, 6]
    moved = [c.weight.grad.flatten(1).norm(dim=1) > 0 for c in compactors.values()]
    masked = list(extension.masked.values())
    assert all(torch.equal(one, other) for one, other in zip(moved, masked, strict=True))
    copied = ResRep(compactors, RECIPE, masking, enough)
    copied.load_state_dict(extension.state_dict())
    assert all(torch.equal(copied.masked[name], extension.masked[name]) for name in compactors)
