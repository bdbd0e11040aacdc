"""Networks: one file per architecture, and how to build a pruned network again.

    model = build("resnet18", num_classes=10, width=0.25)
    twin = rebuild(model.description, model.state_dict())

A network carries its :class:`Description`, which together with its tensors is all that a
checkpoint holds. An architecture is a module with a function `build`, whose further keyword-only
arguments are its options:

    def build(num_classes: int, *, dropout: float = 0.0, image_size: int = 32) -> nn.Module:
        ...
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from pipeline.errors import PipelineError
from pipeline.models.shared.counting import count_ops_and_params
from pipeline.models.shared.padding import adopt
from pipeline.registry import MODELS


@dataclass(frozen=True)
class Description:
    """How to build a network, except for the shapes, which its tensors tell.

    Attributes:
        architecture: Name in the registry.
        num_classes: Number of logits.
        dropout: Probability of dropout.
        image_size: Height and width of the images.
        options: The architecture's own, such as the width.
        kept: The channels of the original network that each pruned convolution still has.
        folded: The batch norm that each of these convolutions has absorbed.
    """

    architecture: str
    num_classes: int
    dropout: float = 0.0
    image_size: int = 32
    options: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    folded: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The description as JSON-able data."""
        return asdict(self) | {"kept": {name: list(kept) for name, kept in self.kept.items()}}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Description":
        """The description that :meth:`to_json` wrote.

        Raises:
            PipelineError: fields are missing or unknown.
        """
        try:
            kept = {name: tuple(kept) for name, kept in content["kept"].items()}
            return cls(**{**content, "kept": kept})
        except (KeyError, TypeError, AttributeError) as error:
            raise PipelineError(f"not the description of a network: {error}") from None


def build(
    arch: str, num_classes: int, *, dropout: float = 0.0, image_size: int = 32, **options: Any
) -> nn.Module:
    """A network with freshly drawn weights, from torch's default generator.

    Args:
        arch: Name of an architecture.
        num_classes: Number of logits.
        dropout: Probability of dropout, where the architecture places it; 0 means none.
        image_size: Height and width of the images in pixels.
        **options: The architecture's own, such as ``width=0.25``.

    Raises:
        PipelineError: the architecture or an option is not known.
    """
    allowed = MODELS.options(arch)
    for name in options.keys() - allowed.keys():
        raise PipelineError(f"{arch}: unknown option {name!r}; allowed: {', '.join(allowed)}")
    model: nn.Module = MODELS.load(arch).build(
        num_classes, dropout=dropout, image_size=image_size, **options
    )
    model.description = Description(arch, num_classes, dropout, image_size, options)  # type: ignore[assignment]
    return model


def describe(model: nn.Module) -> Description:
    """The description that a network of :func:`build` carries.

    Raises:
        PipelineError: the network was built by other means.
    """
    description = getattr(model, "description", None)
    if not isinstance(description, Description):
        raise PipelineError(f"{type(model).__name__} was not built by pipeline.models.build")
    return description


def rebuild(description: Description, state_dict: Mapping[str, Tensor]) -> nn.Module:
    """The network of a checkpoint; it takes over the tensors, without a copy.

    Raises:
        PipelineError: the tensors are not those of the described network.
    """
    with torch.random.fork_rng(devices=[]):
        model = build(
            description.architecture,
            description.num_classes,
            dropout=description.dropout,
            image_size=description.image_size,
            **description.options,
        )
    for convolution, norm in description.folded.items():
        fold_away(model, convolution, norm)
    adopt(model, (key.rpartition(".")[0] for key in state_dict))
    model.description = description  # type: ignore[assignment]
    load_resized(model, state_dict)
    return model


def fold_away(model: nn.Module, convolution: str, norm: str) -> None:
    """Make room for a folded batch norm: an identity in its place, a bias in the convolution."""
    layer = model.get_submodule(convolution)
    if layer.bias is None:
        layer.bias = nn.Parameter(layer.weight.new_zeros(layer.out_channels))
    model.set_submodule(norm, nn.Identity())


def load_resized(model: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Load tensors into a network, without a copy, and give its layers their shapes.

    Raises:
        PipelineError: tensors are missing, left over, or of a shape that the layer cannot take.
    """
    expected = model.state_dict().keys()
    problems = [f"{key} is missing" for key in expected - state_dict.keys()]
    problems += [f"{key} is left over" for key in state_dict.keys() - expected]
    if problems:
        raise PipelineError(
            f"the tensors do not fit the network: {', '.join(sorted(problems)[:3])}"
        )
    for key, tensor in state_dict.items():
        name, _, attribute = key.rpartition(".")
        module = model.get_submodule(name)
        old = getattr(module, attribute)
        is_parameter = isinstance(old, nn.Parameter)
        setattr(
            module, attribute, nn.Parameter(tensor, old.requires_grad) if is_parameter else tensor
        )
        if tensor.shape != old.shape:
            if tensor.ndim != old.ndim or tensor.shape[2:] != old.shape[2:]:
                found, wanted = tuple(tensor.shape), tuple(old.shape)
                raise PipelineError(f"{key} has shape {found}, which cannot replace {wanted}")
            _tell_shape(module, name)


def size(model: nn.Module, example_input: Tensor | None = None) -> tuple[int, int]:
    """Number of parameters, and of multiply-accumulate operations for one image.

    Args:
        model: Left as it is.
        example_input: Images [B, 3, H, W]; without, one of the size in the network's description.
    """
    if example_input is None:
        image_size = describe(model).image_size
        example_input = torch.zeros(1, 3, image_size, image_size)
    example_input = example_input.to(next(model.parameters()).device)
    macs, parameters = count_ops_and_params(model, example_input)
    return int(parameters), int(macs)


def _tell_shape(module: nn.Module, name: str) -> None:
    """Make a layer's attributes agree with its tensors."""
    match module:
        case nn.Conv2d():
            _tell_groups(module)
            module.out_channels = len(module.weight)
            module.in_channels = module.weight.shape[1] * module.groups
        case nn.ConvTranspose2d():
            _tell_groups(module)
            module.in_channels = len(module.weight)
            module.out_channels = module.weight.shape[1] * module.groups
        case nn.Linear():
            module.out_features, module.in_features = module.weight.shape
        case _BatchNorm() | _InstanceNorm():
            tensor = module.running_mean if module.weight is None else module.weight
            module.num_features = len(tensor)
        case nn.GroupNorm():
            module.num_channels = len(module.weight)
        case nn.LayerNorm():
            module.normalized_shape = tuple(module.weight.shape)
        case nn.PReLU():
            module.num_parameters = len(module.weight)
        case _ if type(module).__module__.startswith("torch."):
            raise PipelineError(f"{name}: cannot change the shape of a {type(module).__name__}")


def _tell_groups(module: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """Where each group has one input, the number of groups follows the weights."""
    if module.groups == module.in_channels > 1:
        each = module.out_channels // module.groups
        module.groups = len(module.weight) // (1 if module.transposed else each)
