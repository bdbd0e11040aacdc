"""Write the table of docs/networks.md: which of torchvision's families can be pruned by what.

usage: python docs/networks.py [FAMILY…]

Each network is built with random weights, cut by half by each pruner and run, as the stage `check`
does; that a cut leaves the function is checked, too. It takes some minutes.
"""

import logging
import sys
import warnings
from pathlib import Path

from pipeline.pruning.rehearsal import faults

PAGE = Path(__file__).parent / "networks.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
PRUNERS = ("random", "l1", "batchnorm", "hrank", "resrep")

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


def verdicts(model: str, size: int, pruners: tuple[str, ...] = PRUNERS) -> dict[str, str]:
    """For each pruner why it cannot prune a network of torchvision; empty if it can."""
    found = faults(
        "torchvision",
        {"model": model},
        [(name, {}) for name in pruners],
        classes=10,
        image_size=size,
    )
    verdict = dict.fromkeys(pruners, "")
    for line in found:
        names, _, reason = line.partition(": ")
        for name in names.split(", "):
            if name not in pruners:
                return dict.fromkeys(pruners, line)
            verdict[name] = reason
    return verdict


def main() -> None:
    """Try the families, and write their rows."""
    warnings.filterwarnings("ignore")
    logging.disable()
    rows, notes = [], []
    for family, (model, size) in FAMILIES.items():
        if sys.argv[1:] and family not in sys.argv[1:]:
            continue
        cells = []
        for reason in verdicts(model, size).values():
            if reason and reason not in notes:
                notes.append(reason)
            cells.append(f"refused [{notes.index(reason) + 1}]" if reason else "pruned, checked")
        rows.append(f"| {family} | `{model}` | {size} | {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    head = (
        f"| family | network | pixels | {' | '.join(PRUNERS)} |\n{'|---' * (3 + len(PRUNERS))}|\n"
    )
    remarks = "".join(f"{number}. {reason}\n" for number, reason in enumerate(notes, 1))
    table = f"{head}{chr(10).join(rows)}\n\nWhy not:\n\n{remarks}"
    print(remarks)
    if not sys.argv[1:]:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(before + BEGIN + table + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
