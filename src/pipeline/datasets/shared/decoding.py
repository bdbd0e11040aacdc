"""What turns the content of an image file into pixels."""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import PipelineError

# From a file's content to pixels [H, W, 3]; raises all sorts where it cannot.
Decoder = Callable[[bytes], NDArray[np.uint8]]


def decoder(name: str) -> Decoder:
    """A decoder by its name: ``pillow``, or ``simplejpeg``, which has the same pixels, faster.

    Raises:
        PipelineError: there is none of this name, or its package is not installed.
    """
    if name == "pillow":
        return with_pillow
    if name != "simplejpeg":
        raise PipelineError(f"unknown decoder {name!r}; known: pillow, simplejpeg")
    try:
        import simplejpeg  # noqa: F401
    except ImportError:
        raise PipelineError(
            "decoder: simplejpeg is not installed; `uv sync --extra simplejpeg` does that"
        ) from None
    return with_simplejpeg


def with_pillow(content: bytes) -> NDArray[np.uint8]:
    """Pixels of a file of any kind; greyscale, palette and CMYK become RGB."""
    with Image.open(io.BytesIO(content)) as image:
        # Pillow warns of colours with transparency when it drops that.
        coloured = image.convert("RGBA") if "transparency" in image.info else image
        return np.array(coloured.convert("RGB"))


def with_simplejpeg(content: bytes) -> NDArray[np.uint8]:
    """Pixels of a JPEG file, straight into an array.

    Pillow is asked where it is another kind of file, is damaged or has four colours.
    """
    from simplejpeg import decode_jpeg, decode_jpeg_header

    try:
        *_, colours, _ = decode_jpeg_header(content)
        if colours not in ("CMYK", "YCCK"):
            pixels: NDArray[np.uint8] = decode_jpeg(
                content, "RGB", fastdct=False, fastupsample=False
            )
            return pixels
    except ValueError:
        pass
    return with_pillow(content)
