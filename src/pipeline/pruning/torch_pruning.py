"""Any importance of the library Torch-Pruning (Fang et al., DepGraph, CVPR 2023), by its name."""

from collections.abc import Sequence

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch_pruning.pruner import importance as library

from pipeline.cutting.coupling import Group
from pipeline.cutting.gradients import Images, gradients
from pipeline.errors import PipelineError, first_line

LABEL = "Torch-Pruning"


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    *,
    example_input: Tensor,
    images: Images = None,
    labels: Tensor | None = None,
    seed: int = 0,
    importance: str = "GroupMagnitudeImportance",
    batches: int = 1,
    batch_size: int = 128,
) -> dict[str, Tensor]:
    """What the library's class `importance` says of each group of layers that its graph finds.

    ``GroupMagnitudeImportance``, its default: the mean over the group's layers of Σ w², divided by
    its own mean. Classes that look at gradients get those of the loss on the first batches, summed,
    or of single images where they collect them.

    Raises:
        PipelineError: there is no such class, it cannot score a group, or it needs images.
    """
    scorer = _scorer(importance)
    model.requires_grad_(True)
    device = next(model.parameters()).device
    graph = tp.DependencyGraph().build_dependency(model, (example_input[:1].to(device),))
    if hasattr(scorer, "accumulate_grad"):
        for _ in gradients(model, "torch_pruning", images, labels, batches * batch_size, 1):
            scorer.accumulate_grad(model)
    elif isinstance(scorer, library.GroupTaylorImportance):
        _sum_gradients(model, images, labels, batches, batch_size)
    result: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for group in groups:
            layer = model.get_submodule(group.convolutions[0])
            prune = graph.get_pruner_of_module(layer).prune_out_channels
            try:
                found = scorer(graph.get_pruning_group(layer, prune, range(group.channels)))
            except Exception as error:  # the library's classes may raise anything
                raise PipelineError(
                    f"{importance} cannot score {group.convolutions[0]}: {first_line(error)}"
                ) from None
            if found is None or found.shape != (group.channels,):
                raise PipelineError(f"{importance} gives {group.convolutions[0]} no scores")
            result |= dict.fromkeys(group.convolutions, found.double())
    return result


def _scorer(name: str) -> library.Importance:
    known = [
        each
        for each, kind in vars(library).items()
        if isinstance(kind, type) and issubclass(kind, library.Importance)
        if kind is not library.Importance
    ]
    if name not in known:
        raise PipelineError(f"unknown importance {name!r}; known: {', '.join(sorted(known))}")
    return getattr(library, name)()


def _sum_gradients(
    model: nn.Module, images: Images, labels: Tensor | None, batches: int, size: int
) -> None:
    """Leave the summed gradients of some batches in the network's parameters."""
    total: dict[nn.Parameter, Tensor] = {}
    for _ in gradients(model, "torch_pruning", images, labels, batches, size):
        for parameter in model.parameters():
            if parameter.grad is not None:
                total[parameter] = total.get(parameter, 0) + parameter.grad.clone()
    for parameter, gradient in total.items():
        parameter.grad = gradient
