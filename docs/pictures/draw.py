"""Draws the pictures of the documentation, as SVG, from the code that they show.

    python docs/pictures/draw.py

`chain`, `combination`, `path`, `rooms` and `loop` are written beside this file. A test draws them
again and compares, so that none falls behind the code.
"""

import ast
import sys
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from pipeline.registry import PACKAGE
from pipeline.study import Study

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

INK, PALE, LINE = "#1f2933", "#f4f6f8", "#8a97a5"
BLUE, GREEN, ORANGE = "#dcecf7", "#ddf1e8", "#fbeccd"


class Picture:
    """Boxes, lines and words on a white ground; lines lie below boxes."""

    def __init__(self, width: float, height: float) -> None:
        self.size = width, height
        self.lines: list[str] = []
        self.boxes: list[str] = []

    def box(
        self, x: float, y: float, w: float, h: float, words: Iterable[str], fill: str = PALE
    ) -> None:
        """A box with its corner at x, y; its first line is bold."""
        self.boxes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="5" fill="{fill}" '
            f'stroke="{LINE}"/>'
        )
        words = list(words)
        top = y + h / 2 - 8 * (len(words) - 1) + 4.5
        for number, text in enumerate(words):
            self.words(x + w / 2, top + 16 * number, text, bold=number == 0)

    def words(
        self, x: float, y: float, text: str, *, bold: bool = False, anchor: str = "middle",
        code: bool = False,
    ) -> None:  # fmt: skip
        """One line of text."""
        weight = ' font-weight="600"' if bold else ""
        family = ' font-family="ui-monospace, Menlo, monospace"' if code else ""
        self.boxes.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{weight}{family}>{escape(text)}'
            "</text>"
        )

    def line(self, *points: tuple[float, float], arrow: bool = True, thin: bool = False) -> None:
        """A line through some points, with an arrowhead at the last."""
        path = " L ".join(f"{x:g} {y:g}" for x, y in points)
        head = ' marker-end="url(#head)"' if arrow else ""
        width = 1 if thin else 1.5
        dash = ' stroke-dasharray="4 3"' if thin else ""
        self.lines.append(
            f'<path d="M {path}" fill="none" stroke="{LINE}" stroke-width="{width}"{dash}{head}/>'
        )

    def svg(self) -> str:
        """The picture as an SVG document."""
        width, height = self.size
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
                f'width="{width:g}" height="{height:g}" font-family="Helvetica, Arial, sans-serif" '
                f'font-size="12.5" fill="{INK}">',
                '<defs><marker id="head" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" '
                f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker>'
                "</defs>",
                f'<rect width="{width:g}" height="{height:g}" fill="white"/>',
                *self.lines,
                *self.boxes,
                "</svg>",
                "",
            ]
        )


def chain() -> Picture:
    """The stages, what each leaves, and what it costs."""
    stages = [
        ("data", "images, read once", PALE),
        ("train", "networks", BLUE),
        ("prune", "smaller networks", BLUE),
        ("fine-tune", "trained further", BLUE),
        ("infer", "logits of the test set", BLUE),
        ("score", "metrics", GREEN),
        ("plot", "tables, figures", GREEN),
    ]
    picture = Picture(1010, 92)
    for number, (name, leaves, fill) in enumerate(stages):
        x = 10 + number * 143
        picture.box(x, 10, 130, 46, [name, leaves], fill)
        if number:
            picture.line((x - 13, 33), (x, 33))
    picture.words(438, 80, "run networks: a GPU helps")
    picture.words(796, 80, "from cached logits, on any laptop")
    return picture


def combination() -> Picture:
    """What one combination of the default study is made from: its members side by side."""
    study = Study.load(ROOT / "config.yaml")
    (score,) = (
        each.score
        for each in study.combinations()
        if (each.architecture, each.pruner, each.sparsity, each.uncertainty)
        == ("resnet18", "l1", 0.4, "ensemble")
    )
    columns = ["data", "train", "prune", "finetune", "infer", "score"]
    picture = Picture(910, 60 + 70 * len(score.predictions))
    middle = 20 + 35 * len(score.predictions)
    x = {stage: 10 + 152 * number for number, stage in enumerate(columns)}
    picture.box(x["data"], middle - 23, 120, 46, ["data", "digits"])
    for row, infer in enumerate(score.predictions):
        y = 32 + 70 * row
        spec = infer
        networks = [spec := next(p for p in spec.parents() if p.stage != "data") for _ in "123"]
        for stage, each in zip(columns[1:], [*networks[::-1], infer], strict=False):
            assert each.stage == stage
            seed = f"plain-{networks[-1].member}"
            words = {"train": seed, "prune": "l1-0.4", "finetune": "l1-0.4", "infer": "logits"}
            picture.box(x[stage], y, 120, 46, [stage, words[stage]], BLUE)
            picture.line((x[stage] - 32, y + 23), (x[stage], y + 23)) if stage != "train" else None
        picture.line((x["data"] + 120, middle), (x["train"], y + 23))
        picture.line((x["infer"] + 120, y + 23), (x["score"], middle))
    picture.box(x["score"], middle - 23, 130, 46, ["score", "ensemble/l1-0.4"], GREEN)
    y = 44 + 70 * len(score.predictions)
    note = (
        "Pruning, fine-tuning and inference read the data set, too. MSP of plain-0 shares the "
        "first row; no network is made twice."
    )
    picture.words(455, y, note)
    return picture


def path() -> Picture:
    """A path under ``artifacts/`` taken apart."""
    parts = [
        ("artifacts/", "one folder for", "all studies"),
        ("digits/", "data set", ""),
        ("resnet18/", "architecture", ""),
        ("plain-0/", "member 0 of", "the ensemble"),
        ("l1-0.4/", "pruner and", "sparsity"),
        ("finetune~", "stage", ""),
        ("2f8535d1/", "fingerprint of settings,", "code and parents"),
        ("model.safetensors", "payload, beside", "manifest.json"),
    ]
    picture = Picture(1000, 116)
    x = 15.0
    for text, *words in parts:
        picture.words(x, 30, text, anchor="start", code=True, bold=text == "2f8535d1/")
        picture.line((x, 40), (x + 7.6 * len(text), 40), arrow=False)
        for line, word in enumerate(words):
            picture.words(x, 60 + 16 * line, word, anchor="start")
        x += max(7.6 * len(text), *(6.2 * len(word) for word in words)) + 22
    picture.words(
        15, 106, "The words are for people; the fingerprint alone decides what is the same.",
        anchor="start",
    )  # fmt: skip
    return picture


def rooms() -> Picture:
    """The package's folders and files, and which imports which."""
    below = reduced(imports())
    floors = floors_of(below)
    picture = Picture(960, 40 + 78 * len(floors))
    centre: dict[str, tuple[float, float]] = {}
    for number, names in enumerate(reversed(floors)):
        for place, name in enumerate(names):
            x = 480 + (place - (len(names) - 1) / 2) * 150
            centre[name] = x, 40 + 78 * number
            has_folder = (PACKAGE / name).is_dir()
            picture.box(x - 62, 26 + 78 * number, 124, 30, [name], BLUE if has_folder else PALE)
    for name, others in below.items():
        for other in others:
            (x, y), (u, v) = centre[name], centre[other]
            picture.line((x, y + 16), (u, v - 14))
    return picture


def imports() -> dict[str, set[str]]:
    """For each room, a folder or a single file of the package, the rooms that it imports."""
    found: dict[str, set[str]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        room = file.relative_to(PACKAGE).with_suffix("").parts[0]
        if room in ("__init__", "__main__"):
            continue
        others = found.setdefault(room, set())
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module:
                words = node.module.split(".")
                if words[0] == PACKAGE.name:
                    names = [words[1]] if len(words) > 1 else [each.name for each in node.names]
                    others.update(names)
        others.discard(room)
    return found


def reduced(below: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """The same without arrows that follow from others; those to `errors` are left out, too."""
    below = {
        name: {other for other in others if other in below and other != "errors"}
        for name, others in below.items()
        if name != "errors"
    }

    def reach(name: str) -> set[str]:
        return below[name].union(*(reach(other) for other in below[name]))

    return {
        name: sorted(others - set().union(*(reach(other) for other in others)))
        for name, others in below.items()
    }


def floors_of(below: Mapping[str, list[str]]) -> list[list[str]]:
    """Rooms by height: each above all that it imports."""

    def height(name: str) -> int:
        return max((height(other) + 1 for other in below[name]), default=0)

    heights = {name: height(name) for name in below}
    return [
        [name for name in below if heights[name] == floor]
        for floor in range(max(heights.values()) + 1)
    ]


def loop() -> Picture:
    """The training loop and the places where a method adds to it."""
    steps = [
        (["learning rate", "of this step"], PALE),
        (["before_step", "decide, by iteration"], ORANGE),
        (["forward, loss,", "backward"], PALE),
        (["after_backward", "edit gradients"], ORANGE),
        (["update", "SGD with momentum"], PALE),
    ]
    picture = Picture(1000, 235)
    picture.box(20, 20, 145, 46, ["parameter_groups", "what is optimised"], ORANGE)
    picture.box(185, 20, 145, 46, ["resume", "from where it stopped"], PALE)
    picture.line((165, 43), (185, 43))
    picture.line((258, 66), (258, 100), (92, 100), (92, 135))
    for number, (words, fill) in enumerate(steps):
        x = 20 + 165 * number
        picture.box(x, 135, 145, 46, words, fill)
        if number:
            picture.line((x - 20, 158), (x, 158))
    picture.line((752, 181), (752, 210), (92, 210), (92, 181))
    picture.words(422, 203, "next step; on SIGTERM: save and end")
    picture.box(860, 135, 130, 46, ["end of an epoch", "save, if that is cheap"], PALE)
    picture.line((825, 158), (860, 158))
    picture.line((925, 135), (925, 100), (258, 100), arrow=False)
    picture.words(590, 93, "next epoch")
    picture.words(350, 38, "Orange: what a method such as ResRep adds.", anchor="start")
    picture.words(
        350, 55, "Its state_dict and load_state_dict let it go on after an interruption.",
        anchor="start",
    )  # fmt: skip
    return picture


PICTURES = {each.__name__: each for each in (chain, combination, path, rooms, loop)}


def main(folder: Path = HERE) -> None:
    """Write every picture into a folder."""
    for name, draw in PICTURES.items():
        (folder / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
