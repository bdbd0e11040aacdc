"""How a network is run: memory layout, precision, fused updates, CUDA graphs, the compiler.

    run = Run("cuda", Engine(compile=True))
    fit(model, data, recipe, seed=0, run=run)

An engine's settings change rounding, and the order in which dropout draws, but nothing else of what
is computed; so none of them is part of a spec. Each can be turned off by itself. On a CPU only the
memory layout and the compiler have an effect.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Engine:
    """How networks are run.

    Attributes:
        channels_last: Keep images and weights with the channels innermost, as tensor cores and
            oneDNN read them, where it is no slower.
        fused: On a GPU, update all parameters with one kernel, with the learning rate on the
            device.
        cuda_graphs: On a GPU, record a training step and replay it, so that no time goes into
            launching kernels one by one. Needs `fused`.
        compile: Fuse operations with `torch.compile`. It pays from some minutes of training on,
            since each process and each shape of network compiles anew.
    """

    channels_last: bool = True
    fused: bool = True
    cuda_graphs: bool = True
    compile: bool = False

    @classmethod
    def parse(cls, text: str) -> "Engine":
        """The engine that ``compile=true,cuda_graphs=false`` means.

        Raises:
            PipelineError: a setting is not known, or is not true or false.
        """
        settings = {}
        for part in filter(None, text.split(",")):
            name, _, value = part.partition("=")
            if name not in (known := [each.name for each in fields(cls)]):
                raise PipelineError(f"engine: unknown setting {name!r}; known: {', '.join(known)}")
            if value.lower() not in ("true", "false"):
                raise PipelineError(f"engine: {name}: {value!r} is not true or false")
            settings[name] = value.lower() == "true"
        return cls(**settings)

    def __str__(self) -> str:
        """What :meth:`parse` reads: the settings that differ from their defaults."""
        return ",".join(
            f"{each.name}={str(getattr(self, each.name)).lower()}"
            for each in fields(self)
            if getattr(self, each.name) != each.default
        )

    def place(self, model: "nn.Module", device: "torch.device") -> "torch.memory_format":
        """Move a network to where and how it is run; returns how its images lie in memory.

        On a CPU, layers of fewer than 6 channels, as pruning leaves them, are slower channels last
        (benchmarks/layouts.py), unless they fill oneDNN's blocks of 8.
        """
        import torch

        convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
        widths = [each.out_channels for each in convolutions]
        fits = all(width % 8 == 0 for width in widths) or min(widths) >= 6
        on_cpu = fits and not any(map(breaks_channels_last, convolutions))
        last = self.channels_last and (device.type == "cuda" or on_cpu)
        memory_format = torch.channels_last if last else torch.contiguous_format
        model.to(device=device, memory_format=memory_format)  # type: ignore[call-overload]
        return memory_format


DEFAULT = Engine()


def breaks_channels_last(layer: "nn.Module") -> bool:
    """Whether oneDNN computes the gradient of a layer's weights wrongly, channels last.

    For a pointwise convolution with stride 2 and fewer than 8 inputs it writes beyond its memory,
    which ends the process, if not at once then later (torch 2.15).
    """
    import torch

    return (
        isinstance(layer, torch.nn.Conv2d)
        and layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and layer.in_channels // layer.groups < 8
    )


@dataclass(frozen=True)
class Run:
    """Where and how a training runs, and where it goes on when it was interrupted.

    Attributes:
        device: Where the network is trained.
        engine: How the network is run.
        folder: Where the training writes, now and then after an epoch and on SIGTERM, what it needs
            to go on. What it finds there it continues; without a folder it writes nothing.
        stamp: Whose training it is: only a resume file with the same stamp is continued.
    """

    device: "torch.device | str" = "cpu"
    engine: Engine = DEFAULT
    folder: Path | None = None
    stamp: str = ""


def computes_in_bfloat16(precision: str, device: "torch.device") -> bool:
    """Whether convolutions and products are computed in bfloat16; weights are float32 always.

    Args:
        precision: ``float32``, ``bfloat16``, or ``auto``: bfloat16 on GPUs that are made for it.
        device: Where the network is.
    """
    import torch

    if precision == "auto":
        # Emulated, bfloat16 is slower than float32.
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return precision == "bfloat16"
