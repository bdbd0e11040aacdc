"""Small networks whose channels are hard to couple, or cannot be cut."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm


class Network(nn.Module):
    """Two 3×3 convolutions of 8 channels with batch norms, then whatever a subclass does."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.an, self.bn = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 5)

    def first(self, x: Tensor) -> Tensor:
        return self.an(self.a(x)).relu()  # type: ignore[no-any-return]

    def second(self, x: Tensor) -> Tensor:
        return self.bn(self.b(x)).relu()  # type: ignore[no-any-return]

    def between(self, x: Tensor) -> Tensor:
        return x

    def head(self, x: Tensor) -> Tensor:
        return self.fc(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.between(self.first(x))))


class PermuteThenFlatten(Network):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8 * 16, 5)

    def head(self, x: Tensor) -> Tensor:
        return self.fc(F.adaptive_avg_pool2d(x, 4).permute(0, 2, 3, 1).flatten(1))  # type: ignore[no-any-return]


class Shuffle(Network):
    def between(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        return x.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)


class ModuleShuffle(Network):
    def __init__(self) -> None:
        super().__init__()
        self.shuffle = nn.ChannelShuffle(2)

    def between(self, x: Tensor) -> Tensor:
        return self.shuffle(x)  # type: ignore[no-any-return]


class Flip(Network):
    def between(self, x: Tensor) -> Tensor:
        return x.flip(1)


class Roll(Network):
    def between(self, x: Tensor) -> Tensor:
        return x.roll(1, 1)


class RollByHalf(Network):
    def between(self, x: Tensor) -> Tensor:
        return x.roll(4, 1)


class SoftmaxOverChannels(Network):
    def between(self, x: Tensor) -> Tensor:
        return x.softmax(1)


class MeanOverChannels(Network):
    def between(self, x: Tensor) -> Tensor:
        return x * x.mean(1, keepdim=True).sigmoid()


class SumOverChannels(Network):
    """A gate that is right to cut: what is gone adds nothing."""

    def between(self, x: Tensor) -> Tensor:
        return x * x.sum(1, keepdim=True).sigmoid()


class PlainGroupNorm(Network):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(2, 8, affine=False)

    def between(self, x: Tensor) -> Tensor:
        return self.norm(x)  # type: ignore[no-any-return]


class StandardisedConv(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        mean = self.weight.mean(dim=(1, 2, 3), keepdim=True)
        std = self.weight.std(dim=(1, 2, 3), keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / (std + 1e-5), self.bias)


class Standardised(Network):
    def __init__(self) -> None:
        super().__init__()
        self.b = StandardisedConv(8, 8, 3, padding=1)


class BroadcastSum(Network):
    """A summand of one channel beside one of eight."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x) + self.one(x)))


class TwoNames(Network):
    def __init__(self) -> None:
        super().__init__()
        self.again = self.b

    def between(self, x: Tensor) -> Tensor:
        return self.bn(self.again(x)).relu()  # type: ignore[no-any-return]


class TiedWeights(Network):
    def __init__(self) -> None:
        super().__init__()
        self.c, self.cn = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.c.weight = self.b.weight

    def between(self, x: Tensor) -> Tensor:
        return self.cn(self.c(x)).relu()  # type: ignore[no-any-return]


class TrainingBranch(Network):
    """An auxiliary head that runs only in training."""

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:  # type: ignore[override]
        x = self.second(self.first(x))
        return (self.head(x), self.auxiliary(x.mean(dim=(2, 3)))) if self.training else self.head(x)


class TrainingSum(Network):
    """In training alone, the channels meet those of another convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.extra = nn.Conv2d(3, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        return self.head(self.second(first + self.extra(x) if self.training else first))


class TupleOutput(Network):
    """The maps are an output, too: they cannot be cut."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        x = self.second(self.first(x))
        return self.head(x), x


class Transposed(Network):
    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)

    def between(self, x: Tensor) -> Tensor:
        return self.up(x).relu()  # type: ignore[no-any-return]


class Multiplier(Network):
    """A depthwise convolution with two outputs for each input."""

    def __init__(self) -> None:
        super().__init__()
        self.deep = nn.Conv2d(8, 16, 3, padding=1, groups=8)
        self.b = nn.Conv2d(16, 8, 3, padding=1)

    def between(self, x: Tensor) -> Tensor:
        return self.deep(x).relu()  # type: ignore[no-any-return]


class PixelShuffle(Network):
    def __init__(self) -> None:
        super().__init__()
        self.shuffle, self.b = nn.PixelShuffle(2), nn.Conv2d(2, 8, 3, padding=1)

    def between(self, x: Tensor) -> Tensor:
        return self.shuffle(x)  # type: ignore[no-any-return]


class FirstHalf(Network):
    def __init__(self) -> None:
        super().__init__()
        self.b = nn.Conv2d(4, 8, 3, padding=1)

    def between(self, x: Tensor) -> Tensor:
        return x[:, :4]


class PerChannel(Network):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(8, 1, 1) + 0.5)

    def between(self, x: Tensor) -> Tensor:
        return x * self.scale


class PerChannelBuffer(Network):
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.rand(8, 1, 1) + 0.5)

    def between(self, x: Tensor) -> Tensor:
        return x * self.scale


class SpectralNorm(Network):
    def __init__(self) -> None:
        super().__init__()
        self.b = spectral_norm(self.b)


class WeightNorm(Network):
    def __init__(self) -> None:
        super().__init__()
        self.b = weight_norm(self.b)


class OldWeightNorm(Network):
    def __init__(self) -> None:
        super().__init__()
        self.b = torch.nn.utils.weight_norm(self.b)  # type: ignore[no-untyped-call]


class FixedView(Network):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(128, 5)

    def head(self, x: Tensor) -> Tensor:
        return self.fc(F.adaptive_avg_pool2d(x, 4).view(-1, 128))  # type: ignore[no-any-return]


class GroupedConv(Network):
    def __init__(self) -> None:
        super().__init__()
        self.b = nn.Conv2d(8, 8, 3, padding=1, groups=2)


class Instance(Network):
    def __init__(self) -> None:
        super().__init__()
        self.an = nn.InstanceNorm2d(8, affine=True)  # type: ignore[assignment]


class PlainBatchNorm(Network):
    def __init__(self) -> None:
        super().__init__()
        self.an = nn.BatchNorm2d(8, affine=False)


class SqueezeExcite(Network):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)

    def between(self, x: Tensor) -> Tensor:
        return x * self.up(self.down(x.mean(dim=(2, 3), keepdim=True)).relu()).sigmoid()  # type: ignore[no-any-return]


class Depthwise(Network):
    def __init__(self) -> None:
        super().__init__()
        self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=8)

    def between(self, x: Tensor) -> Tensor:
        return F.silu(self.deep(x))


class FlattenedHead(Network):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(128, 5)

    def head(self, x: Tensor) -> Tensor:
        return self.fc(F.dropout(F.adaptive_avg_pool2d(x, 4).flatten(1), 0.5, self.training))  # type: ignore[no-any-return]


class Concatenated(Network):
    def __init__(self) -> None:
        super().__init__()
        self.b = nn.Conv2d(11, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(torch.cat([x, self.first(x)], 1)))


class Twice(Network):
    """One convolution that runs twice."""

    def between(self, x: Tensor) -> Tensor:
        return self.second(x)


class UnequalGroups(Network):
    """A convolution with groups that gives other numbers than it takes in."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.b = nn.Conv2d(8, 16, 3, padding=1, groups=2), nn.Conv2d(16, 8, 3, padding=1)

    def between(self, x: Tensor) -> Tensor:
        return self.wide(x).relu()  # type: ignore[no-any-return]


class Normed(Network):
    """A group norm with weights."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(2, 8)
        with torch.no_grad():
            self.norm.weight.uniform_(0.5, 1.5)

    def between(self, x: Tensor) -> Tensor:
        return self.norm(x)  # type: ignore[no-any-return]


class OneChannelGroups(Network):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, 8)

    def between(self, x: Tensor) -> Tensor:
        return self.norm(x)  # type: ignore[no-any-return]


class LastNorm(Network):
    """A layer norm over channels, which lie last for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        with torch.no_grad():
            self.norm.weight.uniform_(0.5, 1.5)

    def between(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class LayerNorm2d(nn.LayerNorm):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class FirstNorm(Network):
    """A layer norm of an own kind, as in ConvNeXt."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = LayerNorm2d(8)

    def between(self, x: Tensor) -> Tensor:
        return self.norm(x)  # type: ignore[no-any-return]


class Pointwise(Network):
    """Linear layers that run at every pixel, with a scale for each channel and a residual sum."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(8, 12), nn.Linear(12, 8)
        self.scale = nn.Parameter(torch.rand(8) + 0.5)

    def between(self, x: Tensor) -> Tensor:
        out = self.down(F.gelu(self.up(x.permute(0, 2, 3, 1)))) * self.scale
        return x + out.permute(0, 3, 1, 2)


class RunningInstance(Network):
    def __init__(self) -> None:
        super().__init__()
        self.an = nn.InstanceNorm2d(8, affine=True, track_running_stats=True)  # type: ignore[assignment]


class SharedPReLU(Network):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.PReLU()

    def between(self, x: Tensor) -> Tensor:
        return self.act(x - 1)  # type: ignore[no-any-return]


class PReLUPerChannel(Network):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.PReLU(8)
        with torch.no_grad():
            self.act.weight.uniform_(-0.5, 0.5)

    def between(self, x: Tensor) -> Tensor:
        return self.act(x - 1)  # type: ignore[no-any-return]


class NormedFeatures(Network):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fc = nn.BatchNorm1d(128), nn.Linear(128, 5)

    def head(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(F.adaptive_avg_pool2d(x, 4).flatten(1)))  # type: ignore[no-any-return]


class Gate(Network):
    """A gate of one channel, which is coupled to none of those that it scales."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Conv2d(8, 1, 1)

    def between(self, x: Tensor) -> Tensor:
        return x * self.gate(x).sigmoid().expand_as(x)


class Halves(Network):
    """Halves that part and meet."""

    def __init__(self) -> None:
        super().__init__()
        self.b = nn.Conv2d(8, 8, 3, padding=1)

    def between(self, x: Tensor) -> Tensor:
        one, other = x.chunk(2, 1)
        return torch.cat([one, other.tanh()], 1)


class FixedHalves(Halves):
    """The same by numbers that a cut cannot reach."""

    def between(self, x: Tensor) -> Tensor:
        one, other = x.split(4, 1)
        return torch.cat([one, other.tanh()], 1)


class PaddedShortcut(Network):
    """A shortcut between channels of zeros, in the function and in a module that calls it."""

    def __init__(self) -> None:
        super().__init__()
        self.b, self.bn = nn.Conv2d(8, 12, 3, 2, padding=1), nn.BatchNorm2d(12)
        self.c, self.cn = nn.Conv2d(12, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.pad = nn.ConstantPad3d((0, 0, 0, 0, 0, 4), 0.0)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        second = self.second(first) + F.pad(first[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        return self.head(self.cn(self.c(second)).relu() + self.pad(second))
