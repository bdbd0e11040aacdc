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
from numpy.typing import NDArray

from pipeline.metrics.debiased import Z

Floats = NDArray[np.floating]

# The share of the t distribution below the upper bound.
UPPER = 0.975


@dataclass(frozen=True)
class Replicated:
    """Means over replicates [...], how sure they are, and by how much resampling shifts them."""

    mean: Floats
    error: Floats
    freedom: Floats
    shift: Floats

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
        around = resampled - resampled.mean(axis=-1, keepdims=True)
        within = around.var(axis=-2, ddof=1).mean(axis=-1) / replicates
        images = np.maximum(0, resampled.mean(axis=-2).var(axis=-1) - within)
        squared = np.asarray(own + images)
        # Of identical replicates rounding leaves a little.
        spread = np.abs(values).max(axis=-1) * 1e-14
        own = np.where(own <= spread**2, 0.0, own)
        freedom = np.divide(
            squared**2 * (replicates - 1), own**2, out=np.full_like(squared, np.inf), where=own > 0
        )
        shift = (resampled.mean(axis=-1) - values).mean(axis=-1)
        return cls(values.mean(axis=-1), np.sqrt(squared), freedom, shift)

    def bounds(self, *, shifted: bool = False) -> tuple[Floats, Floats]:
        """The 95 % interval; of a `shifted` metric, as calibration errors are, it reaches further.

        See `debiased.shifted_interval`.
        """
        reach = quantile(self.freedom) * self.error
        low, high = self.mean - reach, self.mean + reach
        if shifted:
            low, high = low + np.minimum(self.shift, 0), high + np.maximum(self.shift, 0)
        return low, high


def quantile(freedom: Floats) -> Floats:
    """The 97.5 % quantile of Student's t distribution; of infinite freedom the normal one's."""
    # Only studies with replicates pay for its start.
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    finite = np.where(np.isfinite(freedom), freedom, 1.0)
    return np.where(np.isfinite(freedom), stdtrit(finite, UPPER), Z)


def combined_p(p: Floats) -> Floats:
    """One p-value of R replicates' [..., R], which need not be independent: twice their mean.

    So small a mean is as improbable under chance as twice its size (Rüschendorf, 1982; Vovk and
    Wang, Biometrika 2020). The same holds from above, for uncertainties that are worse than chance;
    between, there is nothing to tell, and it is .5. One replicate keeps its own.
    """
    mean = p.mean(axis=-1)
    if p.shape[-1] == 1:
        return np.asarray(mean)
    return np.where(mean < 0.5, np.minimum(2 * mean, 0.5), np.maximum(2 * mean - 1, 0.5))
