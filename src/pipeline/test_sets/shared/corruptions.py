"""What a corruption does to one image, with the constants of Hendrycks and Dietterich (ICLR 2019).

    >>> corrupt(pixels, "gaussian_noise", 3, small=True, random=np.random.RandomState(0))

Each function below takes an image float64 [H, W, 3] in [0, 1] and its constant, and returns another
one, which `corrupt` clips and rounds to the nearest of 256 levels.
"""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Random = np.random.RandomState


def corrupt(pixels: Pixels, kind: str, severity: int, *, small: bool, random: Random) -> Pixels:
    """An image uint8 [H, W, 3] with a corruption.

    Args:
        pixels: The image.
        kind: A key of `CORRUPTIONS`.
        severity: From 1 to 5.
        small: Whether the constants are those of CIFAR-10-C, else those of ImageNet-C.
        random: Where the noise comes from.
    """
    function, *constants = CORRUPTIONS[kind]
    image = function(pixels / 255, constants[0 if small else 1][severity - 1], random)
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def gaussian_noise(image: Floats, scale: float, random: Random) -> Floats:
    """Normal noise of a standard deviation."""
    return image + random.normal(scale=scale, size=image.shape)


def shot_noise(image: Floats, photons: float, random: Random) -> Floats:
    """As many photons as come by chance, where a white pixel gets `photons` on average."""
    return random.poisson(image * photons) / photons


def impulse_noise(image: Floats, share: float, random: Random) -> Floats:
    """A share of the values, at random, becomes 0 or 1, with equal probability."""
    hit, salt = random.uniform(size=(2, *image.shape))
    return np.where(hit < share, np.where(salt < 0.5, 1.0, 0.0), image)


def gaussian_blur(image: Floats, sigma: float, random: Random) -> Floats:
    """A Gaussian of `sigma` pixels, up to 4 of them away; the border's pixels go on beyond it."""
    radius = int(4 * sigma + 0.5)
    for axis in (0, 1):
        image = _smoothed(image, sigma, radius, axis, "edge")
    return image


def defocus_blur(image: Floats, disk: tuple[float, float], random: Random) -> Floats:
    """The mean over a disk of a radius, whose edge is smoothed by a Gaussian; mirrored borders."""
    kernel = smoothed_disk(*disk)
    height, width, _ = image.shape
    far = min(len(kernel) // 2, height - 1, width - 1)
    middle = len(kernel) // 2
    kernel = kernel[middle - far : middle + far + 1, middle - far : middle + far + 1]
    padded = np.pad(image, ((far, far), (far, far), (0, 0)), mode="reflect")
    result = np.zeros_like(image)
    for (i, j), weight in np.ndenumerate(kernel):
        if weight:
            result += weight * padded[i : i + height, j : j + width]
    return result


def smoothed_disk(radius: float, sigma: float) -> Floats:
    """The kernel of `defocus_blur`: a disk on a grid, smoothed on 3×3 or 5×5 places."""
    reach, around = (8, 1) if radius <= 8 else (int(radius), 2)
    squares = np.arange(-reach, reach + 1.0) ** 2
    disk = (squares[:, None] + squares <= radius**2).astype(np.float64)
    disk /= disk.sum()
    for axis in (0, 1):
        disk = _smoothed(disk, sigma, around, axis, "reflect")
    return disk


def brightness(image: Floats, more: float, random: Random) -> Floats:
    """The largest colour, value in HSV, grows up to 1, and the others in proportion."""
    value = image.max(axis=2, keepdims=True)
    brighter: Floats = np.minimum(value + more, 1)
    return np.where(value > 0, image / np.where(value > 0, value, 1), 1) * brighter


def contrast(image: Floats, factor: float, random: Random) -> Floats:
    """The distance from each colour's mean shrinks."""
    mean = image.mean(axis=(0, 1), keepdims=True)
    return np.asarray((image - mean) * factor + mean)


def pixelate(image: Floats, factor: float, random: Random) -> Floats:
    """Fewer pixels, each the mean of a box, and back to as many as before."""
    height, width, _ = image.shape
    small = max(1, int(width * factor)), max(1, int(height * factor))
    fewer = _picture(image).resize(small, Image.Resampling.BOX)
    return _values(fewer.resize((width, height), Image.Resampling.BOX))


def jpeg_compression(image: Floats, quality: int, random: Random) -> Floats:
    """What a JPEG file of a quality keeps."""
    file = io.BytesIO()
    _picture(image).save(file, "JPEG", quality=quality)
    with Image.open(file) as read:
        return _values(read.convert("RGB"))


def _picture(image: Floats) -> Image.Image:
    return Image.fromarray(np.rint(image * 255).astype(np.uint8))


def _values(picture: Image.Image) -> Floats:
    return np.asarray(picture, np.float64) / 255


def _smoothed(values: Floats, sigma: float, radius: int, axis: int, border: str) -> Floats:
    """Values weighted by a Gaussian along an axis, up to a radius; the border as numpy names it."""
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    margins = [(radius if each == axis else 0,) * 2 for each in range(values.ndim)]
    padded = np.pad(values, margins, mode=border)  # type: ignore[call-overload]
    around = np.lib.stride_tricks.sliding_window_view(padded, len(weights), axis=axis)
    return np.asarray(around @ (weights / weights.sum()))


# A function, and its constants at severities 1 to 5: of CIFAR-10-C, then of ImageNet-C.
CORRUPTIONS: dict[str, tuple[Callable[..., Floats], tuple[object, ...], tuple[object, ...]]] = {
    "gaussian_noise": (gaussian_noise, (0.04, 0.06, 0.08, 0.09, 0.10),
                       (0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot_noise": (shot_noise, (500, 250, 100, 75, 50), (60, 25, 12, 5, 3)),
    "impulse_noise": (impulse_noise, (0.01, 0.02, 0.03, 0.05, 0.07),
                      (0.03, 0.06, 0.09, 0.17, 0.27)),
    "gaussian_blur": (gaussian_blur, (0.4, 0.6, 0.7, 0.8, 1.0), (1.0, 2.0, 3.0, 4.0, 6.0)),
    "defocus_blur": (defocus_blur,
                     ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1)),
                     ((3.0, 0.1), (4.0, 0.5), (6.0, 0.5), (8.0, 0.5), (10.0, 0.5))),
    "brightness": (brightness, (0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5)),
    "contrast": (contrast, (0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05)),
    "pixelate": (pixelate, (0.95, 0.9, 0.85, 0.75, 0.65), (0.6, 0.5, 0.4, 0.3, 0.25)),
    "jpeg_compression": (jpeg_compression, (80, 65, 58, 50, 40), (25, 18, 15, 10, 7)),
}  # fmt: skip
