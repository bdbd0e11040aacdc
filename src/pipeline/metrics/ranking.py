"""Images in the order of their uncertainty, and the metrics of that order.

The images are sorted once, into a :class:`Ranking`. A :class:`Retained` then counts what is left
when everything above a level of uncertainty is removed, with count weights for a bootstrap's
resamples, so that these cost no sort of their own.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import PipelineError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Uncertainty = ArrayLike | None

TIES = ("inclusive", "average")


class Ranking:
    """N images in the order of their uncertainty, least uncertain first, in groups of equal ones.

    Args:
        uncertainty: [N], infinite values allowed.
        wrong: [N], whether the image is classified wrongly.

    Raises:
        PipelineError: the shapes differ or are empty, or an uncertainty is NaN.
    """

    def __init__(self, uncertainty: ArrayLike, wrong: Bools) -> None:
        u = np.asarray(uncertainty, np.float64)
        if u.shape != wrong.shape or u.ndim != 1 or len(u) < 1:
            raise PipelineError(
                f"uncertainty has shape {u.shape}, expected one number for each of "
                f"{len(wrong)} images, and at least 1 image"
            )
        if np.isnan(u).any():
            raise PipelineError(
                f"uncertainty holds {np.isnan(u).sum()} NaN among {len(u)} images "
                f"(the first: image {np.isnan(u).argmax()}), expected numbers"
            )
        # The order of equal ones does not matter: whole groups are counted.
        self.order = np.argsort(u)
        self.wrong = wrong[self.order]
        ascending = u[self.order]
        self.last = np.flatnonzero(np.append(ascending[1:] != ascending[:-1], True))

    def retained(self, weights: Ints | None = None) -> "Retained":
        """Counts of retained images, for rows [R, N] of count weights, or each image once."""
        if weights is None:
            return Retained(
                (self.last + 1)[None], np.cumsum(self.wrong, dtype=np.int64)[None, self.last]
            )
        weights = np.take(weights, self.order, axis=1)
        images = np.cumsum(weights, axis=1)
        wrong = np.cumsum(weights * self.wrong, axis=1)
        if len(self.last) == len(self.order):
            return Retained(images, wrong)
        return Retained(images[:, self.last], wrong[:, self.last])


@dataclass(frozen=True)
class Retained:
    """Counts of the images, and of the wrong ones, that are at most as uncertain as each tie group.

    Both are [R, G]: rows are samples of the images, columns are tie groups, least uncertain first.
    Every method gives one value for each row. An image of weight 2 counts like two images.
    """

    images: Ints
    wrong: Ints

    @cached_property
    def _with_errors(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Of the groups that hold wrong images in any row, which are few: four [R, g].

        Images and wrong ones up to the group, then both below it.
        """
        here = np.empty(self.wrong.shape[1], np.bool_)
        here[0] = self.wrong[:, 0].any()
        here[1:] = (self.wrong[:, 1:] != self.wrong[:, :-1]).any(axis=0)
        groups = np.flatnonzero(here)
        images_below = self.images[:, groups - 1] * (groups > 0)
        wrong_below = self.wrong[:, groups - 1] * (groups > 0)
        return self.images[:, groups], self.wrong[:, groups], images_below, wrong_below

    @cached_property
    def _curves(self) -> dict[tuple[int, str], Floats]:
        return {}

    def curve(self, *, steps: int = 50, ties: str = "inclusive") -> Floats:
        """Sparsification curves [R, steps + 1]; see `sparsification_curves`."""
        if steps < 1:
            raise PipelineError(f"steps is {steps}, expected at least 1")
        if ties not in TIES:
            raise PipelineError(f"unknown ties {ties!r}; known: {', '.join(TIES)}")
        if (steps, ties) not in self._curves:
            self._curves[steps, ties] = self._curve(steps, ties)
        return self._curves[steps, ties]

    def _curve(self, steps: int, ties: str) -> Floats:
        rows, groups = self.images.shape
        total = self.images[:, -1:]
        keep = total + (1 - total) * np.arange(steps) // steps

        # Shifting every row above the one before it makes all rows one ascending list.
        shift = np.arange(rows)[:, None] * (total.max() + 1)
        group = np.searchsorted((self.images + shift).ravel(), keep + shift)
        images, wrong = self.images.ravel()[group], self.wrong.ravel()[group]
        if ties == "average":
            # In integers up to the one division: equal rates give equal numbers, bit for bit.
            first = group % groups == 0
            images_before = np.where(first, 0, self.images.ravel()[group - 1])
            wrong_before = np.where(first, 0, self.wrong.ravel()[group - 1])
            size = images - images_before
            wrong = wrong_before * size + (keep - images_before) * (wrong - wrong_before)
            images = keep * size
        return np.concatenate([wrong / images, np.zeros((rows, 1))], axis=1)

    def aurc(self) -> Floats:
        """Area under the risk-coverage curve [R]; see `aurc`. The rows have equally many images."""
        return self._aurc

    @cached_property
    def _aurc(self) -> Floats:
        images, wrong, images_below, wrong_below = self._with_errors
        rate = (wrong - wrong_below) / np.maximum(images - images_below, 1)
        places = _risk_of_places(int(self.images[0, -1]))
        risk = places[images] - places[images_below]
        return np.asarray(np.einsum("rg,rg->r", rate, risk) / self.images[:, -1])

    def eaurc(self) -> Floats:
        """Excess of the area under the risk-coverage curve [R]; see `eaurc`."""
        total, errors = self.images[:, -1], self.wrong[:, -1]
        places = _risk_of_places(int(total[0]))
        return np.asarray(self.aurc() - (places[total] - places[total - errors]) / total)

    @cached_property
    def _concordance(self) -> tuple[Ints, Ints]:
        """Twice the pairs of a wrong and a right image [R]: in order (ties: half), and in all."""
        images, wrong, images_below, wrong_below = self._with_errors
        concordant = (wrong - wrong_below) * (images - wrong + images_below - wrong_below)
        errors = self.wrong[:, -1]
        return concordant.sum(axis=1), 2 * errors * (self.images[:, -1] - errors)

    def augrc(self) -> Floats:
        """Area under the generalised risk-coverage curve [R]; see `augrc`."""
        concordant, pairs = self._concordance
        total, errors = self.images[:, -1], self.wrong[:, -1]
        return np.asarray((pairs - concordant + errors**2) / (2 * total**2))

    def auroc(self) -> Floats:
        """Area under the ROC curve [R]; see `auroc`."""
        concordant, pairs = self._concordance
        return ratio(concordant, pairs)

    def fpr95(self) -> Floats:
        """False positive rate at 95 % true positives [R]; see `fpr95`."""
        _, _, images_below, wrong_below = self._with_errors
        total, errors = self.images[:, -1:], self.wrong[:, -1:]
        if images_below.shape[1] == 0:
            return np.full(len(errors), np.nan)
        found = errors - wrong_below
        alarms = total - images_below - found
        # From the last, most uncertain group on downwards, the first to reach 95 % has errors.
        threshold = np.sum(20 * found >= 19 * errors, axis=1, keepdims=True) - 1
        rates = ratio(np.take_along_axis(alarms, threshold, axis=1), total - errors)
        return np.where(errors > 0, rates, np.nan)[:, 0]


@lru_cache(maxsize=2)
def _risk_of_places(n: int) -> Floats:
    """What wrong images at the first r of n places add to the sum of the n risks, r = 0 … n.

    A wrong image at place r is one of m in the risk at every coverage m ≥ r: Σ 1 / m.
    """
    risk = np.cumsum(1 / np.arange(n, 0, -1))[::-1]
    return np.concatenate([[0.0], np.cumsum(risk)])


def ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> Floats:
    """The quotient, or NaN where the denominator is not positive."""
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator > 0))
    return quotient


def sparsification_areas(predicted: Floats, oracle: Floats) -> dict[str, Floats]:
    """Areas [...] between sparsification curves [..., steps + 1] of an uncertainty and the oracle.

    ``ause`` is the area between both, ``random_level`` that between a constant error (removal at
    random, down to 0 where nothing is left) and the oracle, ``aurg`` the second − the first, and
    ``ause_over_random`` the first ÷ the second: 1 is no better than chance. This ratio is NaN where
    the random level is not positive: with all images right or all wrong there is nothing to rank.
    """
    random = np.repeat(predicted[..., :1], predicted.shape[-1], axis=-1)
    random[..., -1] = 0
    dx = 1 / (predicted.shape[-1] - 1)
    area = np.asarray(np.trapezoid(predicted - oracle, dx=dx, axis=-1))
    level = np.asarray(np.trapezoid(random - oracle, dx=dx, axis=-1))
    return {
        "ause": area,
        "random_level": level,
        "aurg": level - area,
        "ause_over_random": ratio(area, level),
    }


def closed_form_random_level(error: float) -> float:
    """The random level −(1 − e) ln(1 − e) of an error e in [0, 1].

    For results of which only the error is known: it takes the oracle for perfect and the steps for
    infinitely many, so it is not quite the `random_level`, whose oracle is 1 − P[y].
    """
    if not 0 <= error <= 1:
        raise PipelineError(f"error is {error}, expected a rate in [0, 1]")
    return 0.0 if error in (0, 1) else float(-(1 - error) * np.log1p(-error))
