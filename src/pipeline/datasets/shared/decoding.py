"""What turns the content of an image file into pixels."""

import io
import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipeline.errors import PipelineError

# From a file's content to pixels [H, W, 3]; raises all sorts where it cannot.
Decoder = Callable[[bytes], NDArray[np.uint8]]

# Numbers of TIFF and EXIF tags.
BITS_PER_SAMPLE, PHOTOMETRIC, ORIENTATION = 258, 262, 274
WHITE_IS_ZERO = 0


def decoder(name: str, *, orient: bool = False) -> Decoder:
    """A decoder by its name: ``pillow``, or ``simplejpeg``, which has the same pixels, faster.

    Args:
        name: Which one.
        orient: Whether pictures are turned as their EXIF data say.

    Raises:
        PipelineError: there is none of this name, or its package is not installed.
    """
    if name not in ("pillow", "simplejpeg"):
        raise PipelineError(f"unknown decoder {name!r}; known: pillow, simplejpeg")
    if name == "simplejpeg":
        try:
            import simplejpeg  # noqa: F401
        except ImportError:
            raise PipelineError(
                "decoder: simplejpeg is not installed; `uv sync --extra simplejpeg` does that"
            ) from None
    decode = with_pillow if name == "pillow" else with_simplejpeg
    return (lambda content: turned(decode(content), orientation(content))) if orient else decode


def with_pillow(content: bytes) -> NDArray[np.uint8]:
    """Pixels of a file of any kind; greyscale, palette and CMYK become RGB.

    Raises:
        ValueError: the pixels are fractions or whole numbers of 32 bits, and no rule says which of
            them is white.
    """
    with Image.open(io.BytesIO(content)) as image:
        if has_wide_pixels(image):
            return np.repeat(_upper_bits(image)[..., None], 3, axis=2)
        # Pillow warns of colours with transparency when it drops that.
        coloured = image.convert("RGBA") if "transparency" in image.info else image
        return np.array(coloured.convert("RGB"))


def has_wide_pixels(image: Image.Image) -> bool:
    """Whether a picture is greyscale of more than 8 bits, which Pillow would cut off at 255."""
    return image.mode in ("I", "F") or image.mode.startswith("I;")


def _upper_bits(image: Image.Image) -> NDArray[np.uint8]:
    """The upper 8 bits [H, W] of a greyscale picture of 16."""
    # Pillow has 32 bits for the 16 of a PGM file, and in old versions of a PNG file.
    if image.mode == "F" or (image.mode == "I" and image.format not in ("PPM", "PNG")):
        kind = "floating-point" if image.mode == "F" else "32-bit or signed"
        raise ValueError(f"{kind} pixels; save it with 8 or 16 bits for each channel")
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(BITS_PER_SAMPLE, (16,))[0]
    values: NDArray[np.int64] = np.array(image).astype(np.int64) >> (bits - 8)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        values = 255 - values
    pixels: NDArray[np.uint8] = values.clip(0, 255).astype(np.uint8)
    return pixels


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


def orientation(content: bytes) -> int:
    """How a picture is turned: the EXIF orientation, 1 to 8; 1 where nothing is said."""
    with Image.open(io.BytesIO(content)) as image:
        found = image.getexif().get(ORIENTATION, 1)
    return found if found in range(1, 9) else 1


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Pixels [H, W, 3] the right way up: rows and columns exchanged, then mirrored."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def reason(error: Exception) -> str:
    """Why a file cannot be decoded, in one line."""
    if isinstance(error, UnidentifiedImageError):
        return "not a picture of a kind that is known here"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    text = str(error).partition("\n")[0].strip()
    # Pillow shows where in memory the file's content is.
    text = re.sub(r"\s*<[^<>]*\bat 0x[0-9a-fA-F]+>", "", text)
    return text or type(error).__name__


def refusing_wide(decode: Decoder) -> Decoder:
    """The same decoder, for files that version 0.2.0 made white without a word."""

    def refuse(content: bytes) -> NDArray[np.uint8]:
        with Image.open(io.BytesIO(content)) as image:
            if has_wide_pixels(image):
                raise ValueError(
                    "16-bit greyscale, which version 0.2.0 made white; raise `version:` of the "
                    "data set in the study"
                )
        return decode(content)

    return refuse
