"""Corruptions of one image, against literal constants, loops and other libraries."""

import colorsys
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from pipeline.test_sets import cifar_c, corruption
from pipeline.test_sets.shared.corruptions import CORRUPTIONS, corrupt, smoothed_disk

SMALL = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
# What the paper's code says, at severities 1 to 5, for CIFAR-10-C and for ImageNet-C.
PUBLISHED = {
    "gaussian_noise": ([0.04, 0.06, 0.08, 0.09, 0.10], [0.08, 0.12, 0.18, 0.26, 0.38]),
    "shot_noise": ([500, 250, 100, 75, 50], [60, 25, 12, 5, 3]),
    "impulse_noise": ([0.01, 0.02, 0.03, 0.05, 0.07], [0.03, 0.06, 0.09, 0.17, 0.27]),
    "gaussian_blur": ([0.4, 0.6, 0.7, 0.8, 1], [1, 2, 3, 4, 6]),
    "defocus_blur": (
        [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
        [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)],
    ),
    "brightness": ([0.05, 0.1, 0.15, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4, 0.5]),
    "contrast": ([0.75, 0.5, 0.4, 0.3, 0.15], [0.4, 0.3, 0.2, 0.1, 0.05]),
    "pixelate": ([0.95, 0.9, 0.85, 0.75, 0.65], [0.6, 0.5, 0.4, 0.3, 0.25]),
    "jpeg_compression": ([80, 65, 58, 50, 40], [25, 18, 15, 10, 7]),
}


def corrupted(
    kind: str, severity: int, pixels: NDArray[Any] = SMALL, seed: int = 0, small: bool = True
) -> NDArray[np.float64]:
    random = np.random.RandomState(seed)
    found = corrupt(pixels.astype(np.uint8), kind, severity, small=small, random=random)
    assert found.dtype == np.uint8
    assert found.shape == pixels.shape
    return found.astype(np.float64)


def test_the_constants_are_the_published_ones() -> None:
    assert {kind: tuple(map(list, each[1:])) for kind, each in CORRUPTIONS.items()} == PUBLISHED
    assert set(corruption.KINDS) == set(PUBLISHED)
    assert set(corruption.KINDS) <= set(cifar_c.KINDS)


@pytest.mark.parametrize(("small", "scale"), [(True, 0.08), (False, 0.18)])
def test_noise_has_its_deviation(small: bool, scale: float) -> None:
    grey = np.full((128, 128, 3), 128)
    noise = corrupted("gaussian_noise", 3, grey, small=small) - 128
    # Clipped at 2.8 deviations, which takes less than a per cent of this one.
    assert noise.std() == pytest.approx(255 * scale, rel=0.02)
    assert abs(noise.mean()) < 1


def test_shot_noise_counts_photons() -> None:
    dim = np.full((128, 128, 3), 51)
    found = corrupted("shot_noise", 5, dim) / 255
    # A Poisson count of mean 10, divided by 50.
    assert found.mean() == pytest.approx(0.2, rel=0.01)
    assert found.std() == pytest.approx(np.sqrt(10) / 50, rel=0.02)
    assert np.abs(found * 50 - np.rint(found * 50)).max() < 0.1


def test_impulses_are_black_or_white() -> None:
    grey = np.full((128, 128, 3), 100)
    found = corrupted("impulse_noise", 5, grey)
    assert set(np.unique(found)) == {0, 100, 255}
    assert (found == 0).mean() == pytest.approx(0.035, rel=0.1)
    assert (found == 255).mean() == pytest.approx(0.035, rel=0.1)


@pytest.mark.parametrize(("severity", "sigma"), [(1, 0.4), (5, 1.0)])
def test_gaussian_blur_is_scipys(severity: int, sigma: float) -> None:
    expected = ndimage.gaussian_filter(
        SMALL.astype(np.float64), (sigma, sigma, 0), mode="nearest", truncate=4
    )
    assert np.abs(corrupted("gaussian_blur", severity) - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize(("severity", "small"), [(3, True), (5, True), (1, False), (5, False)])
def test_defocus_is_a_convolution_with_a_smoothed_disk(severity: int, small: bool) -> None:
    radius, sigma = PUBLISHED["defocus_blur"][0 if small else 1][severity - 1]
    reach, margin = (8, 1) if radius <= 8 else (radius, 2)
    disk = np.array(
        [
            [float(x * x + y * y <= radius * radius) for x in range(-reach, reach + 1)]
            for y in range(-reach, reach + 1)
        ]
    )
    disk /= disk.sum()
    bell = np.array([np.exp(-(k * k) / (2 * sigma * sigma)) for k in range(-margin, margin + 1)])
    kernel = ndimage.convolve(disk, np.outer(bell, bell) / bell.sum() ** 2, mode="mirror")
    np.testing.assert_allclose(smoothed_disk(radius, sigma), kernel, atol=1e-12)
    planes = [
        ndimage.convolve(SMALL[..., c].astype(np.float64), kernel, mode="mirror") for c in range(3)
    ]
    found = corrupted("defocus_blur", severity, small=small)
    assert np.abs(found - np.stack(planes, axis=2)).max() <= 0.5 + 1e-6


def test_brightness_raises_the_value_of_hsv() -> None:
    pixels = np.array([[[0, 0, 0], [255, 0, 0], [10, 200, 60], [90, 90, 90]]])
    expected = []
    for red, green, blue in pixels[0] / 255:
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        expected.append(colorsys.hsv_to_rgb(hue, saturation, min(value + 0.15, 1)))
    found = corrupted("brightness", 3, pixels)[0]
    assert np.abs(found - 255 * np.array(expected)).max() <= 0.5 + 1e-6


def test_contrast_shrinks_the_distance_from_each_colours_mean() -> None:
    found = corrupted("contrast", 4)
    for colour in range(3):
        plane = SMALL[..., colour].astype(np.float64)
        expected = plane.mean() + 0.3 * (plane - plane.mean())
        assert np.abs(found[..., colour] - expected).max() <= 0.5 + 1e-6


def test_pixelate_and_jpeg_are_pillows() -> None:
    picture = Image.fromarray(SMALL)
    fewer = picture.resize((20, 20), Image.Resampling.BOX)  # int(32 · 0.65)
    expected = np.asarray(fewer.resize((32, 32), Image.Resampling.BOX))
    assert (corrupted("pixelate", 5) == expected).all()
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=40)
    assert (corrupted("jpeg_compression", 5) == np.asarray(Image.open(file))).all()


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_greater_severity_changes_more(kind: str) -> None:
    smooth = ndimage.gaussian_filter(SMALL.astype(np.float64), (3, 3, 0)) * 4 % 256
    for small in (True, False):
        changes = [np.abs(corrupted(kind, s, smooth, small=small) - smooth.astype(np.uint8)).mean()
                   for s in range(1, 6)]  # fmt: skip
        assert changes[0] < changes[2] < changes[4]
