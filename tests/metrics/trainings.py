"""Made-up trainings with a known truth, to see how often intervals over replicates hold it.

Two networks, say before and after pruning, are trained R times and judged on the same images. Image
i of difficulty d_i is hard for all of them; a training r moves a network by δ_r and finds single
images easier or harder by e_ri. Where δ_r and e_ri are partly those of the other network, as a
pruned network inherits from the one that it was cut from, the two are paired.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtri

from pipeline.metrics.bootstrap import bootstrap, count_weights, own_value
from pipeline.metrics.catalogue import METRICS_BY_KEY
from pipeline.metrics.debiased import debiased, gap_sums
from pipeline.metrics.evaluation import Evaluation
from pipeline.metrics.replicates import Replicated

Floats = np.ndarray


@dataclass(frozen=True)
class Trainings:
    """How the trainings of a pair of networks vary.

    `moved` is the deviation of δ_r, `single` that of e_ri, `shared` the part of both that the two
    networks of a replicate have in common, `levels` are the mean logits of the networks, and
    `slopes` say how much more confident than right they are.
    """

    moved: float
    single: float
    shared: float = 0.7
    levels: tuple[float, float] = (1.5, 1.0)
    slopes: tuple[float, float] = (1.0, 1.4)

    def draw(
        self, dice: np.random.Generator, runs: int, replicates: int, images: int
    ) -> tuple[Floats, Floats, Floats]:
        """Logits of the confidence, and who is right: [runs, 2, replicates, images].

        The third is by how much each training moves its network, [runs, 2, replicates].
        """
        shape = (runs, 2, replicates)
        difficulty = dice.normal(0, 1.5, (runs, 1, 1, images))
        moved = self.moved * self._pair(dice, (*shape, 1))
        single = self.single * self._pair(dice, (*shape, images))
        level = np.reshape(self.levels, (2, 1, 1))
        logits = level + difficulty + moved + single
        # Of two classes that with the larger probability is the prediction.
        side = np.where(logits < 0, -1, 1)
        luck = dice.logistic(size=(runs, 1, 1, images))
        right = (logits + luck > 0) == (side > 0)
        return np.abs(logits) * np.reshape(self.slopes, (2, 1, 1)), right, moved[..., 0]

    def _pair(self, dice: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        first, other = dice.normal(size=(2, shape[0], *shape[2:]))
        second = self.shared * first + np.sqrt(1 - self.shared**2) * other
        return np.stack([first, second], axis=1)

    @cache  # noqa: B019
    def truth(self, metric: str) -> Floats:
        """The mean of a metric over trainings and images, [2]."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(15)
        found = [
            weights / weights.sum() @ [self._population(metric, level + self.moved * x, slope)
                                       for x in nodes]
            for level, slope in zip(self.levels, self.slopes, strict=True)
        ]  # fmt: skip
        return np.array(found)

    def _population(self, metric: str, level: float, slope: float) -> float:
        """A metric of one training on endless images, whose logits are normal."""
        # Images at equal steps of probability.
        count = 40_001
        steps = (np.arange(count) + 0.5) / count
        z = np.abs(level + np.hypot(1.5, self.single) * ndtri(steps))
        probability, confidence = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-slope * z))
        if metric == "accuracy":
            return float(probability.mean())
        if metric == "ece_debiased":
            bins = np.ceil(confidence * 15).astype(int) - 1
            return float(np.abs(np.bincount(bins, confidence - probability)).sum() / count)
        right = np.random.default_rng(99).random(count) < probability
        return own_value(METRICS_BY_KEY[metric], evaluation(slope * z, right))


def evaluation(logits: Floats, right: Floats) -> Evaluation:
    p = 1 / (1 + np.exp(-logits))
    return Evaluation.of(np.stack([p, 1 - p], axis=1), np.where(right, 0, 1))


def measured(metric: str, logits: Floats, right: Floats, resamples: int) -> tuple[Floats, Floats]:
    """The metric of each network, [runs, 2, R], and of its resamples, [runs, 2, R, resamples]."""
    found = [
        _measured(metric, *each, resamples)
        for each in zip(_flat(logits), _flat(right), strict=True)
    ]
    shape = logits.shape[:-1]
    values, drawn = zip(*found, strict=True)
    return np.reshape(values, shape), np.reshape(drawn, (*shape, resamples))


def _measured(metric: str, logits: Floats, right: Floats, resamples: int) -> tuple[float, Floats]:
    images = len(right)
    # One product with the count weights of all resamples, where sums over images are enough.
    if metric == "accuracy":
        return float(right.mean()), right.astype(np.float32) @ weights(images, resamples) / images
    if metric == "ece_debiased":
        sums = gap_sums(1 / (1 + np.exp(-logits)), ~right, 15)
        drawn = (sums.T.astype(np.float32) @ weights(images, resamples)).T.astype(float)
        return debiased(sums.sum(axis=0), images).item(), debiased(drawn, images)
    judged, entry = evaluation(logits, right), METRICS_BY_KEY[metric]
    drawn = bootstrap(judged, [entry], resamples=resamples)[metric]
    return own_value(entry, judged), drawn


@cache
def weights(images: int, resamples: int) -> Floats:
    drawn = np.concatenate([*count_weights(images, resamples, 0)])
    return drawn.T.astype(np.float32)


def _flat(each: Floats) -> Floats:
    return each.reshape(-1, each.shape[-1])


@dataclass(frozen=True)
class Found:
    """Shares of runs: whose interval holds the truth, of one network and of the difference; and
    whose difference is decided, rightly or wrongly."""

    one: float
    difference: float
    right: float
    wrong: float
    width: float


def simulate(
    trainings: Trainings,
    metric: str = "accuracy",
    *,
    replicates: int,
    runs: int,
    images: int,
    resamples: int = 300,
    seed: int = 0,
    block: int = 50,
) -> Found:
    """How often the intervals over replicates hold what is true of other trainings and images."""
    dice = np.random.default_rng(seed)
    shifted = metric.startswith("ece")
    truth = trainings.truth(metric)
    lows, highs = [], []
    for start in range(0, runs, block):
        logits, right, _ = trainings.draw(dice, min(block, runs - start), replicates, images)
        values, draws = measured(metric, logits, right, resamples)
        both = np.stack([values[:, 0], values[:, 1] - values[:, 0]])
        drawn = np.stack([draws[:, 0], draws[:, 1] - draws[:, 0]])
        # A mean, and a difference, have intervals of their own.
        bounds = [
            Replicated.of(*each).bounds(shifted=shifted, difference=difference)
            for *each, difference in zip(both, drawn, (False, True), strict=True)
        ]
        low, high = np.swapaxes(bounds, 0, 1)
        lows.append(low)
        highs.append(high)
    low, high = np.concatenate(lows, axis=1), np.concatenate(highs, axis=1)
    what = np.array([truth[0], truth[1] - truth[0]])[:, None]
    covered = ((low <= what) & (what <= high)).mean(axis=1)
    sign = np.sign(what[1])
    up, down = (low[1] > 0).mean(), (high[1] < 0).mean()
    agree, against = (up, down) if sign > 0 else (down, up)
    return Found(*covered.tolist(), float(agree), float(against), float((high - low)[1].mean()))


def once(
    trainings: Trainings, *, runs: int, images: int, resamples: int = 300
) -> tuple[float, float]:
    """One training: how often the paired interval of the accuracies' difference holds the truth.

    First that of these trained networks on other images, which it is about, then that of other
    trainings, which it does not know.
    """
    logits, right, moved = trainings.draw(np.random.default_rng(1), runs, 1, images)
    _, draws = measured("accuracy", logits, right, resamples)
    low, high = np.quantile(draws[:, 1, 0] - draws[:, 0, 0], [0.025, 0.975], axis=-1)
    steps = np.linspace(-4, 4, 41) * max(trainings.moved, 1e-9)
    own = [
        np.interp(moved[:, side, 0], steps,
                  [trainings._population("accuracy", level + step, 1.0) for step in steps])
        for side, level in enumerate(trainings.levels)
    ]  # fmt: skip
    truth = trainings.truth("accuracy")
    found = [
        ((low <= what) & (what <= high)).mean() for what in (own[1] - own[0], truth[1] - truth[0])
    ]
    return float(found[0]), float(found[1])
