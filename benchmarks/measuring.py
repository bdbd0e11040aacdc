"""What the benchmarks share: timing several ways in turn, and saying what it was measured on."""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every benchmark."""
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--record", type=Path, help="a JSON file to write the result to")


def device(arguments: argparse.Namespace) -> torch.device:
    """The device to measure on, with the threads that were asked for.

    cuDNN may look for the fastest algorithms from the start, for every way alike.
    """
    torch.set_num_threads(arguments.threads)
    torch.backends.cudnn.benchmark = True
    return torch.device(arguments.device)


def seconds(call: Callable[[], object], where: torch.device) -> float:
    """How long a call takes, until the device has done its part."""
    _wait(where)
    begun = time.perf_counter()
    call()
    _wait(where)
    return time.perf_counter() - begun


def interleaved(
    ways: Mapping[str, Callable[[], object]], repeats: int, where: torch.device
) -> dict[str, float]:
    """The median seconds of each way, measured in turn after one call each to warm up."""
    for call in ways.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, call in ways.items():
            times[name].append(seconds(call, where))
    return {name: statistics.median(each) for name, each in times.items()}


def product(where: torch.device) -> tuple[Callable[[], object], int, str]:
    """A product of two square matrices, its operations, and the type of its numbers.

    What the device does of these in a second is the rate that a step of training is held against:
    of float32 on a CPU, of bfloat16 on a GPU, as the engine computes.
    """
    kind, side = (torch.bfloat16, 8192) if where.type == "cuda" else (torch.float32, 1024)
    left, right = torch.randn(2, side, side, device=where).to(kind)
    return lambda: torch.mm(left, right), 2 * side**3, str(kind).removeprefix("torch.")


def report(
    name: str, arguments: argparse.Namespace, where: torch.device, results: Mapping[str, Any]
) -> None:
    """Print a result with what it was measured on, and write it down if asked to."""
    settings = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in vars(arguments).items()
        if key not in ("record", "data")
    }
    content = {"benchmark": name, **hardware(where), "settings": settings, **results}
    text = json.dumps(content, indent=1)
    print(text)
    if arguments.record:
        arguments.record.parent.mkdir(parents=True, exist_ok=True)
        arguments.record.write_text(text + "\n")


def hardware(where: torch.device) -> dict[str, Any]:
    """The date, the machine and the versions."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name() if where.type == "cuda" else "cpu",
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("torch", "torchvision", "numpy")},
        },
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _wait(where: torch.device) -> None:
    if where.type == "cuda":
        torch.cuda.synchronize()
