"""Channels of zeros beside those of a feature map, as in shortcuts without weights.

He et al., Deep Residual Learning for Image Recognition, CVPR 2016, Section 4.2, option A.
"""

import torch
from torch import Tensor, nn


class ChannelPad(nn.Module):
    """Puts each channel of a feature map at a place among channels of zeros.

    What `F.pad` does along the channels, but as a layer: its places can be cut.

    Attributes:
        channels: How many input channels it was made for.
        sources: Int64 [C]: the input channel that each output channel shows; -1 for zeros.
    """

    sources: Tensor

    def __init__(self, channels: int, before: int, after: int) -> None:
        super().__init__()
        self.channels = channels
        places = [torch.full((before,), -1), torch.arange(channels), torch.full((after,), -1)]
        self.register_buffer("sources", torch.cat(places))

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps [B, inputs, H, W] to [B, C, H, W]."""
        zeros = x.new_zeros(x.shape[0], 1, *x.shape[2:])
        return torch.cat([zeros, x], 1).index_select(1, self.sources + 1)
