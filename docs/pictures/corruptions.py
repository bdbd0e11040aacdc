"""Draws one image at all corruptions and severities, as PNG.

    python docs/pictures/corruptions.py

On the left are the constants of ImageNet-C on a crop of 96 pixels (they are meant for 224), on the
right those of CIFAR-10-C on the same crop at 32 pixels. The photograph is `flower.jpg`, which comes
with scikit-learn.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_image

from pipeline.test_sets.corruption import KINDS, SEVERITIES
from pipeline.test_sets.shared.corruptions import corrupt

HERE = Path(__file__).parent

CELL, GAP, HEAD, NAMES = 96, 4, 18, 112
# Corner and side of the part of the photograph that is shown.
LEFT, TOP, SIDE = 190, 30, 384


def picture() -> Image.Image:
    """A row for each kind; the severities side by side, first the image as it is."""
    photograph = Image.fromarray(load_sample_image("flower.jpg"))
    crop = photograph.crop((LEFT, TOP, LEFT + SIDE, TOP + SIDE))
    block = (1 + len(SEVERITIES)) * (CELL + GAP)
    size = NAMES + 2 * block + 4 * GAP, HEAD + len(KINDS) * (CELL + GAP)
    canvas = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(canvas)
    for number, pixels in enumerate((CELL, 32)):
        image = np.asarray(crop.resize((pixels, pixels), Image.Resampling.BOX))
        start = NAMES + number * (block + 4 * GAP)
        for column, severity in enumerate((0, *SEVERITIES)):
            x = start + column * (CELL + GAP)
            draw.text((x, 3), str(severity) if severity else f"{pixels} px", fill="black")
            for row, kind in enumerate(KINDS):
                random = np.random.RandomState(0)
                small = number == 1
                found = (
                    corrupt(image, kind, severity, small=small, random=random)
                    if severity
                    else image
                )
                cell = Image.fromarray(found).resize((CELL, CELL), Image.Resampling.NEAREST)
                canvas.paste(cell, (x, HEAD + row * (CELL + GAP)))
    for row, kind in enumerate(KINDS):
        y = HEAD + row * (CELL + GAP) + CELL // 2 - 6
        draw.text((4, y), kind.replace("_", " "), fill="black")
    return canvas


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    picture().quantize(256).save(folder / "corruptions.png", optimize=True)
