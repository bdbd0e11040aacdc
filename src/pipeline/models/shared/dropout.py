"""Dropout whose masks can be drawn again (paper, Section 3.2: MC dropout).

    with sampling(model, seed=0, ids=ids, passes=passes):
        logits = model(images)

A mask is a function of (seed, layer, image id, pass, position in the feature map). It is the same
whatever the batch that the image is in and whatever the device.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

# SplitMix64: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.
_GAMMA = 0x9E3779B97F4A7C15 - 2**64
_ROUNDS = ((30, 0xBF58476D1CE4E5B9 - 2**64), (27, 0x94D049BB133111EB - 2**64), (31, 1))
_LANES = 4  # 16-bit random numbers in an int64


class Dropout(nn.Module):
    """Dropout in training, the identity in evaluation, except within :func:`sampling`.

    It has no parameters, so a network's state dict does not tell whether it has dropout.
    """

    streams: Tensor | None = None

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of a feature map [B, C, H, W], or of features [B, C]."""
        if self.training or self.streams is None:
            return F.dropout(x, self.p, self.training)
        if len(x) < len(self.streams):
            # So far the passes of an image were the same: they part here.
            x = torch.cat([x] * (len(self.streams) // len(x)))
        return torch.where(dropped(self.streams, x.shape, self.p), 0.0, x).mul_(1 / (1 - self.p))

    def extra_repr(self) -> str:
        """What `print` shows of the layer."""
        return f"p={self.p}"


@contextmanager
def sampling(model: nn.Module, seed: int, ids: Tensor, passes: Tensor) -> Iterator[None]:
    """Within this context, a network in evaluation mode drops what the arguments decide.

    The network may be given the images of one pass only, if :func:`splits_passes` says so: it then
    computes what comes before the first dropout once for all passes.

    Args:
        model: A network with :class:`Dropout` layers.
        seed: Of the whole prediction.
        ids: Int64 [B], which image each row of the batch is; on the model's device.
        passes: Int64 [B], which of an image's passes each row is.
    """
    layers = [m for m in model.modules() if isinstance(m, Dropout) and m.p > 0]
    for number, layer in enumerate(layers):
        streams = _mixed(torch.full_like(ids, seed))
        for key in (torch.full_like(ids, number), ids, passes):
            streams = _mixed(streams + key)
        layer.streams = streams
    try:
        yield
    finally:
        for layer in layers:
            layer.streams = None


def splits_passes(model: nn.Module) -> bool:
    """Whether all that the logits depend on goes through the dropout layer that comes first.

    Then the passes of an image share what comes before. The network's graph says so; a network that
    torch.fx cannot trace shares nothing.
    """
    try:
        graph = _Tracer().trace(model)
    except Exception:  # a user's network may raise anything when it is traced
        return False
    modules = dict(model.named_modules())

    def drops(node: fx.Node) -> bool:
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        return isinstance(module, Dropout) and module.p > 0

    first = next(filter(drops, graph.nodes), None)
    around = {node for node in graph.nodes if node.op == "placeholder"}
    for node in graph.nodes:
        if node is not first and around.intersection(node.all_input_nodes):
            around.add(node)
    return not any(node.op == "output" for node in around)


class _Tracer(fx.Tracer):
    """Keeps a dropout layer as one operation, like the layers of torch.nn."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Dropout) or super().is_leaf_module(m, module_qualified_name)


def has_dropout(model: nn.Module) -> bool:
    """Whether the network drops anything while it trains."""
    return any(isinstance(module, Dropout) and module.p > 0 for module in model.modules())


def dropped(streams: Tensor, shape: torch.Size, p: float) -> Tensor:
    """Which elements of a feature map of `shape` are dropped, each with probability `p`.

    Args:
        streams: Int64 [B], a random stream for each row of the batch.
        shape: [B, C, H, W], or another with B in front, as [B, C] behind the pooling.
        p: Probability, realised to the nearest 1/65536.

    Returns:
        Bool of that shape, feature maps channels last in memory as the networks' are.
    """
    size = shape[1:].numel()
    words = torch.arange(-(-size // _LANES), device=streams.device)
    words = _mixed(streams[:, None] + words.mul_(_GAMMA))
    uniform = words.view(torch.int16)[:, :size]
    threshold = round(p * 2**16) - 2**15
    if len(shape) != 4:
        return (uniform < threshold).reshape(shape)
    batch, channels, height, width = shape
    return (uniform < threshold).reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def _mixed(x: Tensor) -> Tensor:
    """Scramble int64 in place: SplitMix64's output function."""
    shifted = torch.empty_like(x)
    for shift, factor in _ROUNDS:
        torch.bitwise_right_shift(x, shift, out=shifted)
        # Torch fills with the sign, the function wants zeros.
        x.bitwise_xor_(shifted.bitwise_and_(2 ** (64 - shift) - 1)).mul_(factor)
    return x
