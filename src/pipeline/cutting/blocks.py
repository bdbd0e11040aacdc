"""Channels that must stay equally many in each of several equal parts."""

import numpy as np
import numpy.typing as npt


def in_turn(order: npt.NDArray[np.intp], blocks: int) -> npt.NDArray[np.intp]:
    """Channels in an order in which the parts take turns: the first of each, the second of each.

    Args:
        order: Channels, [C], the first to go in front.
        blocks: How many parts they lie in, each of C / blocks channels in a row.
    """
    if blocks == 1:
        return order
    owner = order // (len(order) // blocks)
    return np.stack([order[owner == block] for block in range(blocks)]).T.flatten()
