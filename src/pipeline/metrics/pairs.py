"""Whether one of two networks is right more often, from the images on which they differ.

Only images that one network classifies rightly and the other wrongly tell them apart. Of few such
images percentiles of resampled differences decide too often: where four differ and all four speak
for one network, which of equal networks happens in one of eight cases, 98 % of the resamples do.
"""

import math

import numpy as np

from pipeline.metrics.ranking import Floats, Ints

# The largest p-value that decides.
LEVEL = 0.05


def mcnemar(first: int, second: int) -> float:
    """The exact p-value of two networks that are right equally often (McNemar, 1947).

    Args:
        first: the number of images on which only the first is right.
        second: on which only the second is.
    """
    total, fewer = first + second, min(first, second)
    if first == second:
        return 1.0
    # Logarithms of the binomial probabilities of 0 … `fewer`.
    terms = [
        math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
        for k in range(fewer + 1)
    ]
    return min(1.0, 2 * math.fsum(math.exp(term - total * math.log(2)) for term in terms))


def differing(difference: float, resampled: Floats, images: int) -> tuple[int, int]:
    """On how many of N images only the first network is right, and only the second.

    Their difference is known, and the variance of its resamples tells their sum: it is
    (sum − N · difference²) / N². Up to some 20 images the sum is exact, since it is even where the
    difference is; of many a few per cent matter little.

    Args:
        difference: of the accuracies, the first one's − the second one's.
        resampled: the same of resamples of the images, [R].
        images: N.
    """
    apart = round(difference * images)
    total = float(np.var(resampled)) * images**2 + apart**2 / images
    more = max(0, round((total - abs(apart)) / 2))
    return more + max(apart, 0), more + max(-apart, 0)


def accuracy_signs(differences: Floats, resampled: Floats, images: Ints | int) -> Ints:
    """1 where the first network is right more often, -1 where the second is, 0 where undecided.

    Args:
        differences: of the accuracies of K pairs of networks, [K].
        resampled: the same of resamples of the images, [K, R].
        images: N of each pair.
    """
    signs = np.zeros(len(differences), np.int64)
    each = zip(differences, resampled, np.broadcast_to(images, signs.shape), strict=True)
    for place, (difference, drawn, total) in enumerate(each):
        if not math.isnan(difference):
            counts = differing(float(difference), drawn, int(total))
            if mcnemar(*counts) <= LEVEL:
                signs[place] = np.sign(difference)
    return signs
