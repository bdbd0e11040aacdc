"""Stages of residual blocks."""

from collections.abc import Callable, Sequence

from torch import nn

# From inputs, outputs, stride and the probability of dropout to a block.
Block = Callable[[int, int, int, float], nn.Module]


def add_stages(
    network: nn.Module,
    block: Block,
    inputs: int,
    stages: Sequence[tuple[int, int]],
    dropout: float,
) -> list[str]:
    """Add ``layer1``, ``layer2``, … to a network; each but the first halves the resolution.

    Args:
        network: It gets the stages.
        block: Makes one of their blocks.
        inputs: Channels that the first stage gets.
        stages: Of each stage its channels and its number of blocks.
        dropout: Probability of dropout in the blocks.

    Returns:
        The stages' names.
    """
    names = []
    for number, (outputs, blocks) in enumerate(stages, 1):
        stage = nn.Sequential()
        for position in range(blocks):
            stride = 2 if number > 1 and position == 0 else 1
            stage.append(block(inputs, outputs, stride, dropout))
            inputs = outputs
        names.append(f"layer{number}")
        network.add_module(names[-1], stage)
    return names
