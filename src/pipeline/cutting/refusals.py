"""Networks that cannot be cut, whatever their channels: each is refused in one line."""

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from pipeline.errors import PipelineError

# Attention as torchvision and timm call it.
ATTENTION = {
    "Attention", "MultiHeadAttention", "PartitionAttentionLayer",
    "RelativePositionalMultiHeadAttention", "ShiftedWindowAttention", "ShiftedWindowAttentionV2",
    "WindowAttention",
}  # fmt: skip


def refuse_shared_and_derived(model: nn.Module) -> None:
    """Raise PipelineError where cutting one layer would change another, or change nothing.

    Those are layers under two names, weights that two layers share, and weights that are computed
    from other tensors, as by spectral norm and weight norm.
    """
    names: dict[nn.Module, str] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        first = names.setdefault(module, name)
        if first != name and has_tensors(module):
            raise PipelineError(
                f"{first} and {name} are one layer: it cannot be cut under two names"
            )
        if is_parametrized(module) or hasattr(module, "weight_g") or hasattr(module, "weight_orig"):
            raise PipelineError(
                f"{name}: its weights are computed from others (spectral or weight norm, a "
                "parametrisation), which a cut would not reach"
            )
    owners: dict[int, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        first = owners.setdefault(id(parameter), name)
        if first != name:
            raise PipelineError(f"{first} and {name} are tied: a cut would part them")


def refuse_attention(model: nn.Module) -> None:
    """Raise PipelineError where attention mixes positions: transformers have no such channels."""
    for name, module in model.named_modules():
        kind = type(module).__name__
        if isinstance(module, nn.MultiheadAttention) or kind in ATTENTION:
            raise PipelineError(f"{name}: {kind}: transformers cannot be pruned by channels")


def refuse_not_finite(model: nn.Module) -> None:
    """Raise PipelineError where a weight or a statistic is NaN or infinite."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise PipelineError(f"{name} is not finite: the network cannot be pruned")


def has_tensors(module: nn.Module) -> bool:
    """Whether a layer has parameters or buffers of its own."""
    tensors = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    return bool(tensors)
