"""Training from scratch instead of fine-tuning: do the weights that stay matter, or the widths?

Liu et al., Rethinking the Value of Network Pruning, ICLR 2019.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn

from pipeline.cutting.coupling import Group
from pipeline.cutting.gradients import Images
from pipeline.errors import PipelineError
from pipeline.pruning.criteria import Shown, channel_scores
from pipeline.registry import PRUNERS

LABEL = "From scratch"
COMPARABLE = True
NEEDS_GLOBAL = ("like",)
TRAINED_BY = "train"


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    *,
    example_input: Tensor,
    images: Images = None,
    labels: Tensor | None = None,
    seed: int = 0,
    like: Annotated[str, "pruner"] = "random",
) -> dict[str, Tensor]:
    """The scores of another criterion, whose widths the network gets; in each layer all are alike.

    What follows is the recipe `train:`, that is the paper's Scratch-E; with a longer one, such as
    ``finetune: {epochs: 400}`` in the pruner's entry, its Scratch-B.

    Raises:
        PipelineError: the other one prunes while it trains, or cannot score this network.
    """
    if like == "scratch" or PRUNERS.function(like) != "scores":
        raise PipelineError(f"scratch: like: {like} does not score channels")
    shown = Shown(example_input, images, labels, seed)
    return channel_scores(model, groups, like, shown, scope="global")


def after_cut(smaller: nn.Module, *, seed: int = 0) -> None:
    """Draw all weights anew, in place, as each layer of torch.nn does for the widths it has.

    Raises:
        PipelineError: a layer of another kind has parameters, and no `reset_parameters`.
    """
    device = next(smaller.parameters()).device
    smaller.cpu()  # the same draws, whatever the device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, module in smaller.named_modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
            elif any(True for _ in module.parameters(recurse=False)):
                kind = type(module).__name__
                raise PipelineError(f"scratch: {name}: how to draw a {kind} anew is not known")
    smaller.to(device)
