"""The interval of a mean over replicates: independent trainings, judged on the same images.

Two things vary, the training and the test images. How far the replicates' values lie apart tells of
both the training and, since each network errs on other images, a part of the images. Their
resamples, which draw the same images for all of them, tell of the images. For metric m_r of
replicate r of R and its resamples m*_r,

    S² = var_r(m_r)    V = var*(mean_r m*_r)    W = mean*(var_r(m*_r − mean*(m*_r)))
    a = S² / R         g = max(0, V − W / R)    se² = a + g    df = se⁴ (R − 1) / a²

and the interval is mean ± t(df) · se: W / R is the part of V that S² / R holds already, and df is
Satterthwaite's (Biometrics Bulletin, 1946). Of identical replicates a is 0, and the interval is
that of the images alone. A percentile bootstrap over replicates and images is too narrow, since so
few replicates are drawn from.

The same holds for the difference of two networks, with differences within each replicate.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import catalogue
from pipeline.metrics.debiased import Z
from pipeline.metrics.intervals import FEWEST, Bounds, Interval, calibration, proportion
from pipeline.metrics.proportions import unseen
from pipeline.metrics.ranking import Floats

# The share of the t distribution below the upper bound.
UPPER = 0.975


@dataclass(frozen=True)
class Replicated:
    """Means over R replicates [...], and what is known of them.

    `own` is a, `images` is g (see above), and `shift` is by how much resampling shifts the mean.
    """

    mean: Floats
    own: Floats
    images: Floats
    shift: Floats
    replicates: int

    @classmethod
    def of(cls, values: Floats, resampled: Floats) -> "Replicated":
        """From the values of R > 1 replicates and of their resamples.

        Args:
            values: [..., R].
            resampled: [..., R, B], drawn alike for all replicates. B may be 1, of values that were
                not resampled: then the replicates alone vary.
        """
        replicates = values.shape[-1]
        if replicates < 2:
            raise ValueError("one replicate does not tell how far another would lie")
        own = values.var(axis=-1, ddof=1) / replicates
        # Of identical replicates rounding leaves a little.
        own = np.where(own <= (1e-14 * np.abs(values).max(axis=-1)) ** 2, 0.0, own)
        means = resampled.mean(axis=-1, keepdims=True)
        within = (resampled - means).var(axis=-2, ddof=1).mean(axis=-1) / replicates
        images = np.maximum(0, resampled.mean(axis=-2).var(axis=-1) - within)
        shift = (means[..., 0] - values).mean(axis=-1)
        return cls(values.mean(axis=-1), own, np.asarray(images), shift, replicates)

    @property
    def error(self) -> Floats:
        """The standard error of the mean."""
        return np.sqrt(self.own + self.images)

    @property
    def freedom(self) -> Floats:
        """Its degrees of freedom, infinite where replicates are identical."""
        squared = self.own + self.images
        return np.divide(
            squared**2 * (self.replicates - 1),
            self.own**2,
            out=np.full_like(squared, np.inf),
            where=self.own > 0,
        )

    def bounds(self, *, shifted: bool = False, difference: bool = False) -> tuple[Floats, Floats]:
        """The 95 % interval.

        Args:
            shifted: of a calibration error, which resampling shifts, it reaches further; see
                `debiased.shifted_interval`.
            difference: of a difference, on which a verdict rests, it is √(t(R − 1)² a + z² g) to
                either side (after Howe, JASA 1974). Where replicates happen to lie close to each
                other, df takes them for more sure than they are: two of them call 7 to 9 of 100
                pairs of equal networks different, and so 4 to 6.
        """
        if difference:
            few = quantile(np.full_like(self.own, self.replicates - 1))
            reach = np.sqrt(few**2 * self.own + Z**2 * self.images)
        else:
            reach = quantile(self.freedom) * self.error
        low, high = self.mean - reach, self.mean + reach
        if shifted:
            low, high = low + np.minimum(self.shift, 0), high + np.maximum(self.shift, 0)
        return low, high


def metric_interval(
    key: str, own: Floats, resampled: Floats, *, accuracy: float, images: int
) -> Bounds:
    """The interval of a metric's mean over replicates, within what the metric can be.

    Where errors are few, those that these images happen not to have make that of the accuracy and
    of calibration errors wider, as those of one network.

    Args:
        key: of the metric.
        own: what its resamples are compared with, of each replicate [R].
        resampled: [R, B].
        accuracy: the mean over the replicates.
        images: their number.
    """
    metric = catalogue.find(key)
    how = catalogue.of_interval(metric).interval if metric else None
    bounds = how.bounds if isinstance(how, Interval) else None
    low, high = map(float, Replicated.of(own, resampled).bounds(shifted=bounds is calibration))
    if bounds is proportion or bounds is calibration:
        rarer = min(accuracy, 1 - accuracy) * images
        reach = unseen(images) if rarer < FEWEST else 0.0
        low, high = max(low - reach, 0.0), high + reach
    return low, min(high, 1.0) if bounds is proportion else high


def quantile(freedom: Floats) -> Floats:
    """The 97.5 % quantile of Student's t distribution; of infinite freedom the normal one's."""
    # Only studies with replicates pay for its start.
    from scipy.special import stdtrit

    finite = np.where(np.isfinite(freedom), freedom, 1.0)
    found: Floats = np.where(np.isfinite(freedom), stdtrit(finite, UPPER), Z)
    return found


def combined_p(p: Floats) -> Floats:
    """One p-value of R replicates' [..., R], which need not be independent: twice their mean.

    So small a mean is as improbable under chance as twice its size (Rüschendorf, 1982; Vovk and
    Wang, Biometrika 2020). The same holds from above, for uncertainties that are worse than chance;
    between, there is nothing to tell, and it is .5. One replicate keeps its own.
    """
    mean = np.asarray(p.mean(axis=-1))
    if p.shape[-1] == 1:
        return mean
    found: Floats = np.where(mean < 0.5, np.minimum(2 * mean, 0.5), np.maximum(2 * mean - 1, 0.5))
    return found
