"""Whether a cut is what it says: the smaller network computes what the original would.

A wrong coupling shows in no shape: it cuts other channels than the next layer leaves out, and the
network still runs. So the cut is tried on the network with other parameters. In the original the
inputs that were cut are set to zero, while the outputs that were cut stay random: wherever a
channel that is gone still counts, or a position is not the right one, the outputs differ.

    check_cut(model, groups, kept, example_input)      # the function, in both modes
    check_rows(model, smaller, groups, kept)           # the trained tensors, exactly

Parameters are drawn anew, since as initialised, or with scales of zero, a wrong cut stays
invisible.
"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pipeline.cutting.coupling import Group, find_groups
from pipeline.cutting.layers import outputs
from pipeline.cutting.masking import without
from pipeline.cutting.surgery import cut_channels
from pipeline.errors import PipelineError, first_line
from pipeline.models.shared.padding import ChannelPad

Kept = Mapping[str, Sequence[int]]

# Largest differences, as shares of the largest output. The largest that a right cut has shown is
# 3e-6 in float32; a wrong one shows 0.01 and more.
EVALUATION, TRAINING = 1e-4, 1e-9


def check_cut(
    model: nn.Module,
    groups: Sequence[Group],
    kept: Kept,
    example_input: Tensor,
    coupling: str = "group",
) -> None:
    """Raise PipelineError, which names the layer, unless cutting leaves the function as it is.

    Compared are the original without what the cut removes and the smaller network: on random
    images, in evaluation mode in float32 and in training mode in float64, there without dropout.

    Norms over channels, as a layer norm, are taken over the channels that stay: that is a change of
    function, and what the cut is compared with.

    With independent masks a residual sum adds up other channels than before, so that the function
    is another: the same network is then checked with coupled channels, and the cut itself by its
    shapes and by running it.

    Args:
        model: The network before the cut; left as it is.
        groups: Its groups of convolutions.
        kept: The channels that each of them keeps.
        example_input: Images [B, 3, H, W]; only their shape and type count.
        coupling: How the groups were found.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        shape = example_input.shape[1:]
        images = torch.randn(4 if shape[-1] <= 64 else 2, *shape)
        drawn = with_other_parameters(model, images)
        if coupling == "independent":
            _expect_to_run(drawn, groups, kept, images)
            groups = find_groups(drawn, images[:1])
            kept = {name: kept[g.convolutions[0]] for g in groups for name in g.convolutions}
        fault = _fault(drawn, groups, kept, images)
        if fault is None:
            return
        for group in groups:
            alone = _fault(drawn, [group], kept, images)
            if alone is not None:
                raise PipelineError(f"{' and '.join(group.convolutions[:2])}: {alone}")
    raise PipelineError(f"{', '.join(kept)}: cut together, {fault}")


def check_rows(model: nn.Module, smaller: nn.Module, groups: Sequence[Group], kept: Kept) -> None:
    """Raise PipelineError unless each tensor of a cut network is made of the original's rows.

    Args:
        model: The network before the cut.
        smaller: The network after it.
        groups: The groups of convolutions.
        kept: The channels that each of them keeps.
    """
    gone = _gone(groups, kept)
    after = smaller.state_dict()
    modules = dict(model.named_modules())
    for key, tensor in model.state_dict().items():
        layer, _, name = key.rpartition(".")
        owner = key if (key, 0) in gone or (key, 1) in gone else layer
        sides = [set(gone.get((owner, dim), ())) for dim in (0, 1)]
        expected = _rows(modules[layer], name, tensor, *sides)
        same = key in after and tensor.dtype == after[key].dtype
        if not (same and torch.equal(expected, after[key])):
            raise PipelineError(f"{key} is not made of the rows that the cut keeps")
    _expect_widths(smaller, kept)


def _rows(layer: nn.Module, name: str, tensor: Tensor, out: set[int], into: set[int]) -> Tensor:
    """The rows of a tensor that stay without some outputs and inputs of its layer."""
    if isinstance(layer, ChannelPad):
        left = [each for each in range(layer.channels) if each not in into]
        shown = [each for at, each in enumerate(tensor.tolist()) if at not in out]
        return torch.tensor([left.index(e) if e in left else -1 for e in shown]).to(tensor)
    if name == "weight" and getattr(layer, "transposed", False):
        return _rows(nn.Module(), name, tensor.transpose(0, 1), out, into).transpose(0, 1)
    groups = getattr(layer, "groups", 1) if name == "weight" and into else 1
    if groups > 1:
        width, rows = tensor.shape[1], len(tensor) // groups
        return torch.stack(
            [
                tensor[row, [i for i in range(width) if row // rows * width + i not in into]]
                for row in range(len(tensor))
                if row not in out
            ]
        )
    for dim, places in enumerate((out, into)):
        if places and tensor.ndim > dim and tensor.shape[dim] > max(places):
            stays = [row for row in range(tensor.shape[dim]) if row not in places]
            tensor = tensor.index_select(dim, torch.tensor(stays, device=tensor.device))
    return tensor


def with_other_parameters(model: nn.Module, images: Tensor) -> nn.Module:
    """A copy on the CPU whose parameters are drawn anew, with the images' batch statistics.

    Weights are drawn after He et al., Delving Deep into Rectifiers, ICCV 2015, scales of norms
    from (0.5, 1.5). Draws from torch's default generator.
    """
    drawn = copy.deepcopy(model).to(device="cpu", dtype=torch.float32).requires_grad_(False)
    for module in drawn.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.ndim >= 2:
                fan_in = max(1, parameter[0].numel())
                parameter.normal_(0, (2 / fan_in) ** 0.5)
            elif name.endswith("bias"):
                parameter.uniform_(-0.3, 0.3)
            else:
                parameter.uniform_(0.5, 1.5)
    norms = [m for m in drawn.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with _as_in_training(drawn):
        _run(drawn, images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return drawn


def _fault(drawn: nn.Module, groups: Sequence[Group], kept: Kept, images: Tensor) -> str | None:
    """What is wrong with the cut of some groups; None if nothing is."""
    kept = {name: kept[name] for group in groups for name in group.convolutions}
    gone = _gone(groups, kept)
    smaller = cut_channels(drawn, groups, kept)
    _expect_widths(smaller, kept)
    fault = _difference(without(drawn, smaller, gone), smaller, images)
    if fault is None or not fault.startswith("the smaller network computes"):
        return fault
    # A sum over channels, as of a gate, leaves out nothing: what it adds up must be zero.
    zero = _difference(without(drawn, smaller, gone, givers=True), smaller, images)
    return None if zero is None else fault


def _difference(original: nn.Module, smaller: nn.Module, images: Tensor) -> str | None:
    for dtype, limit in ((torch.float32, EVALUATION), (torch.float64, TRAINING)):
        training = dtype is torch.float64
        mode = "training" if training else "evaluation"
        for model in (original, smaller):
            model.to(dtype).eval()
        with _as_in_training(original, smaller) if training else nullcontext():
            expected = _run(original, images.to(dtype))
            try:
                found = _tensors(smaller(images.to(dtype)))
            except Exception as error:  # a network of one's own may raise anything
                return f"the smaller network does not run: {first_line(error)}"
        if [each.shape for each in expected] != [each.shape for each in found]:
            return f"the smaller network's outputs have other shapes in {mode} mode"
        largest = max(map(_error, expected, found), default=math.nan)
        if not largest <= limit:
            return f"the smaller network computes something else in {mode} mode (by {largest:.2g})"
    return None


def _error(expected: Tensor, found: Tensor) -> float:
    return ((expected - found).abs().max() / expected.abs().max().clamp(min=1e-30)).item()


def _gone(groups: Sequence[Group], kept: Kept) -> dict[tuple[str, int], list[int]]:
    """For each layer and dimension, the positions that the cut removes."""
    gone: dict[tuple[str, int], list[int]] = {}
    for group in groups:
        for dependant in group.dependants:
            lost = set(range(group.channels)).difference(kept[dependant.source])
            places = gone.setdefault((dependant.layer, dependant.dim), [])
            places += [place for channel in lost for place in dependant.positions[channel]]
    return gone


def _expect_to_run(drawn: nn.Module, groups: Sequence[Group], kept: Kept, images: Tensor) -> None:
    """Raise PipelineError unless a cut gives outputs of the same shapes, in both modes."""
    smaller = cut_channels(drawn, groups, kept)
    _expect_widths(smaller, kept)
    for training in (False, True):
        expected = [each.shape for each in _run(drawn.train(training), images)]
        try:
            found = [each.shape for each in _tensors(smaller.train(training)(images))]
        except Exception as error:  # a network of one's own may raise anything
            raise PipelineError(
                f"{', '.join(kept)}: with independent masks the smaller network does not run: "
                f"{first_line(error)}"
            ) from None
        if expected != found:
            raise PipelineError(f"{', '.join(kept)}: with independent masks outputs change shape")


def _expect_widths(smaller: nn.Module, kept: Kept) -> None:
    for name, channels in kept.items():
        layer = smaller.get_submodule(name)
        if not (outputs(layer) == len(layer.weight) == len(channels)):  # type: ignore[arg-type]
            raise PipelineError(f"{name} has {outputs(layer)} channels, not {len(channels)}")


def _run(model: nn.Module, images: Tensor) -> list[Tensor]:
    """What a network that is not cut gives."""
    try:
        return _tensors(model(images))
    except Exception as error:  # a network of one's own may raise anything
        mode = "training" if model.training else "evaluation"
        name = type(model).__name__
        raise PipelineError(f"{name} does not run in {mode} mode: {first_line(error)}") from None


def _tensors(output: object) -> list[Tensor]:
    """The tensors of an output, which may be a tuple or a mapping."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        output = tuple(output.values())
    return (
        [each for part in output for each in _tensors(part)]
        if isinstance(output, tuple | list)
        else []
    )


class _NoDropout(TorchFunctionMode):
    """Every function that drops elements hands on what it is given."""

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs = kwargs or {}
        if "dropout" in getattr(func, "__name__", ""):
            return args[0] if args else kwargs["input"]
        return func(*args, **kwargs)


@contextmanager
def _as_in_training(*models: nn.Module) -> Iterator[None]:
    """Within this context networks are in training mode, but drop neither elements nor blocks."""
    modules = [module for model in models for module in model.modules()]
    before = [module.training for module in modules]
    for module in modules:
        module.training = True
        name = type(module).__name__.lower()
        if ("drop" in name or "stochasticdepth" in name) and not any(module.children()):
            module.training = False
    with _NoDropout():
        yield
    for module, training in zip(modules, before, strict=True):
        module.training = training
