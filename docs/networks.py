"""Write the table of docs/networks.md: which of torchvision's families can be pruned by what.

usage: python docs/networks.py [FAMILY…]

Each network is built with random weights, cut by half by each pruner and run, as the stage `check`
does; that a cut leaves the function is checked, too. It takes a quarter of an hour.
"""

import logging
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from pipeline.pruning.rehearsal import faults

PAGE = Path(__file__).parent / "networks.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
PRUNERS: dict[str, dict[str, object]] = {
    "random": {}, "l1": {}, "batchnorm": {}, "hrank": {}, "resrep": {"schedule": "reach"},
    "taylor": {}, "fpgm": {}, "gfbs": {}, "lamp": {"scope": "global"}, "scratch": {},
    "torch_pruning": {"importance": "GroupMagnitudeImportance"},
}  # fmt: skip

# The smallest network of each family of torchvision, and the images that it is tried with.
FAMILIES = {
    "alexnet": ("alexnet", 64),
    "convnext": ("convnext_tiny", 64),
    "densenet": ("densenet121", 64),
    "efficientnet": ("efficientnet_b0", 64),
    "efficientnet v2": ("efficientnet_v2_s", 64),
    "googlenet": ("googlenet", 64),
    "inception": ("inception_v3", 96),
    "mnasnet": ("mnasnet0_5", 64),
    "mobilenet v2": ("mobilenet_v2", 64),
    "mobilenet v3": ("mobilenet_v3_small", 64),
    "regnet": ("regnet_x_400mf", 64),
    "resnet": ("resnet18", 64),
    "resnext": ("resnext50_32x4d", 64),
    "shufflenet": ("shufflenet_v2_x0_5", 64),
    "squeezenet": ("squeezenet1_1", 64),
    "vgg": ("vgg11_bn", 64),
    "wide_resnet": ("wide_resnet50_2", 64),
    "swin": ("swin_t", 64),
    "vit": ("vit_b_32", 64),
}


def verdicts(model: str, size: int) -> dict[str, str]:
    """For each pruner why it cannot prune a network of torchvision; empty if it can."""
    found = faults(
        "torchvision",
        {"model": model},
        list(PRUNERS.items()),
        classes=10,
        image_size=size,
    )
    verdict = dict.fromkeys(PRUNERS, "")
    for line in found:
        names, _, reason = line.partition(": ")
        for name in names.split(", "):
            if name not in PRUNERS:
                return dict.fromkeys(PRUNERS, line)
            verdict[name] = reason
    return verdict


def row(family: str) -> list[str]:
    """The verdicts on a family, each "pruned" or a reason."""
    warnings.filterwarnings("ignore")
    logging.disable()
    torch.set_num_threads(1)
    return [reason or "pruned" for reason in verdicts(*FAMILIES[family]).values()]


def main() -> None:
    """Try the families, side by side, and write their rows."""
    families = sys.argv[1:] or list(FAMILIES)
    table = f"| family | network | pixels | {' | '.join(PRUNERS)} |\n"
    table += "|---" * (3 + len(PRUNERS)) + "|\n"
    notes: list[str] = []
    with ProcessPoolExecutor(3) as pool:
        for family, found in zip(families, pool.map(row, families), strict=True):
            notes += [each for each in dict.fromkeys(found) if each not in (*notes, "pruned")]
            cells = [f"refused [{notes.index(e) + 1}]" if e in notes else e for e in found]
            model, size = FAMILIES[family]
            line = f"| {family} | `{model}` | {size} | {' | '.join(cells)} |\n"
            print(line, end="", flush=True)
            table += line
    remarks = "".join(f"{number}. {reason}\n" for number, reason in enumerate(notes, 1))
    print(remarks)
    if not sys.argv[1:]:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        whole = f"{before}{BEGIN}{table}\nWhy not:\n\n{remarks}{END}"
        PAGE.write_text(whole + rest.partition(END)[2])


if __name__ == "__main__":
    main()
