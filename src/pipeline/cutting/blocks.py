"""The order of channels, and channels that must stay equally many in each of several parts."""

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


def stays_in_order(taken: npt.NDArray[np.intp], channels: int, blocks: int) -> bool:
    """Whether channels that a layer takes in are still in the places it expects after any cut.

    So it is where they come once or several times as a whole, forwards or backwards, each perhaps
    several times in a row; or part by part. Where they come in another order, as after a shuffle
    or a roll, some cuts are right and others are not.

    Args:
        taken: The channel at each place, each of them at least once.
        channels: How many channels there are.
        blocks: In how many equal parts equally many of them stay.
    """
    forwards = np.arange(channels)
    parts = forwards.reshape(blocks, channels // blocks)
    while len(taken):
        changes = np.flatnonzero(taken != taken[0])
        times = changes[0] if len(changes) else len(taken)
        for expected in (forwards, *parts):
            run = taken[: len(expected) * times]
            if any(np.array_equal(run, np.repeat(o, times)) for o in (expected, expected[::-1])):
                taken = taken[len(run) :]
                break
        else:
            return False
    return True
