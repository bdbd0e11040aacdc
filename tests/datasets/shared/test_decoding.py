"""Decoders: any kind of picture becomes RGB, and all decoders see the same pixels."""

import builtins
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.datasets.shared.decoding import decoder, reason
from pipeline.errors import PipelineError

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8).repeat(8, 0).repeat(8, 1)


def encoded(mode: str, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PICTURE).convert(mode).save(file, kind, **options)
    return file.getvalue()


KINDS = {
    "colour": encoded("RGB", "JPEG", quality=95),
    "colour, full resolution": encoded("RGB", "JPEG", quality=80, subsampling=0),
    "progressive": encoded("RGB", "JPEG", progressive=True),
    "greyscale": encoded("L", "JPEG"),
    "CMYK": encoded("CMYK", "JPEG"),
    "palette": encoded("P", "PNG"),
    "transparent palette": encoded("P", "PNG", transparency=b"\x00\x80" * 128),
    "transparent": encoded("RGBA", "PNG"),
    "one bit": encoded("1", "PNG"),
    "a PNG that calls itself JPEG": encoded("RGB", "PNG"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_decoder_gives_pillows_pixels(kind: str) -> None:
    with Image.open(io.BytesIO(KINDS[kind])) as image:
        # The colours of a palette do not depend on what is transparent.
        image.info.pop("transparency", None)
        expected = np.array(image.convert("RGB"))
    for name in ("pillow", "simplejpeg"):
        pixels = decoder(name)(KINDS[kind])
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("kind", ["colour", "greyscale", "CMYK", "palette"])
def test_colours_are_near_those_that_were_saved(kind: str) -> None:
    pixels = decoder("pillow")(KINDS[kind]).astype(int)
    wanted = PICTURE if kind != "greyscale" else np.array(
        Image.fromarray(PICTURE).convert("L").convert("RGB")
    )  # fmt: skip
    assert pixels.shape == (48, 40, 3)
    assert np.abs(pixels - wanted).mean() < (30 if kind == "palette" else 20)


@pytest.mark.parametrize("name", ["pillow", "simplejpeg"])
def test_what_is_damaged_raises(name: str) -> None:
    for content in (KINDS["colour"][:300], b"no picture", b"", KINDS["palette"][:100]):
        with pytest.raises((OSError, ValueError, SyntaxError)):
            decoder(name)(content)


def test_a_decoder_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "simplejpeg":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(PipelineError, match="simplejpeg is not installed; `uv sync --extra"):
        decoder("simplejpeg")
    with pytest.raises(PipelineError, match="unknown decoder 'turbo'; known: pillow, simplejpeg"):
        decoder("turbo")


RAMP = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16


def saved(array: np.ndarray[Any, Any], kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("name", ["pillow", "simplejpeg"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_of_16_bits_the_upper_8_are_kept(name: str, kind: str) -> None:
    pixels = decoder(name)(saved(RAMP, kind))
    assert (pixels.dtype, pixels.shape) == (np.uint8, (64, 64, 3))
    for channel in range(3):
        # A level is 256 of the 65,536: all 256 occur.
        assert np.abs(pixels[..., channel] - RAMP / 256.0).max() <= 1
    assert len(np.unique(pixels)) == 256


def test_of_16_bits_white_may_be_zero() -> None:
    inverted = saved(RAMP, "TIFF", tiffinfo={262: 0})
    pixels = decoder("pillow")(inverted)
    assert np.abs(pixels[..., 0] - (65535 - RAMP) / 256.0).max() <= 1


def test_12_bits_of_a_pgm_are_the_whole_range() -> None:
    values = np.arange(4096, dtype=">u2")
    pixels = decoder("pillow")(b"P5 64 64 4095\n" + values.tobytes())
    assert np.abs(pixels[..., 0].ravel() - np.arange(4096) / 16.0).max() <= 1


@pytest.mark.parametrize("name", ["pillow", "simplejpeg"])
@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (RAMP.astype(np.float32), "floating-point pixels"),
        (RAMP.astype(np.int32), "32-bit or signed pixels"),
    ],
)
def test_what_has_no_white_is_refused(name: str, array: np.ndarray[Any, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decoder(name)(saved(array, "TIFF"))


def test_grey_with_transparency_stays_right() -> None:
    grey = np.array(Image.fromarray(PICTURE).convert("L"))
    alpha = np.full_like(grey, 77)
    file = io.BytesIO()
    Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]).save(file, "PNG")
    np.testing.assert_array_equal(decoder("pillow")(file.getvalue()), grey[..., None].repeat(3, 2))


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["pillow", "simplejpeg"])
def test_pictures_are_turned_as_pillow_turns_them(name: str, turn: int) -> None:
    exif = Image.Exif()
    exif[274] = turn
    content = saved(PICTURE, "JPEG", exif=exif, quality=95)
    with Image.open(io.BytesIO(content)) as image:
        expected = np.array(ImageOps.exif_transpose(image))
        as_it_lies = np.array(image)
    np.testing.assert_array_equal(decoder(name, orient=True)(content), expected)
    np.testing.assert_array_equal(decoder(name)(content), as_it_lies)


def test_a_reason_has_no_address_and_one_line() -> None:
    with pytest.raises(OSError, match="cannot identify") as caught:
        decoder("pillow")(b"no picture")
    assert reason(caught.value) == "not a picture of a kind that is known here"
    assert reason(OSError("broken <_io.BytesIO object at 0x7f00>\nmore")) == "broken"
    assert reason(ValueError()) == "ValueError"
