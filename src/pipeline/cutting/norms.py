"""The batch norm behind a convolution, for criteria that look at its scale."""

from torch import nn

from pipeline.cutting.coupling import Group
from pipeline.errors import PipelineError


def norm_behind(model: nn.Module, group: Group, convolution: str, pruner: str) -> nn.BatchNorm2d:
    """The batch norm with a scale that directly follows a convolution.

    Args:
        model: The network.
        group: The convolution's group.
        convolution: Its name.
        pruner: Who asks, for the error.

    Raises:
        PipelineError: there is none.
    """
    if convolution not in group.norms:
        raise PipelineError(f"no batch norm follows {convolution}: {pruner} cannot score it")
    norm = model.get_submodule(group.norms[convolution])
    if norm.weight is None:
        raise PipelineError(f"{group.norms[convolution]} has no scale: {pruner} cannot score it")
    return norm  # type: ignore[return-value]
