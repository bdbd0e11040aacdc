"""Decoders: any kind of picture becomes RGB, and all decoders see the same pixels."""

import builtins
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.datasets.shared.decoding import decoder
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
