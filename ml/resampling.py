"""How sure a mean is: percentile intervals by the bootstrap.

Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16; whole clusters are drawn where the
observations within one are not independent (Field & Welsh, JRSS B 69, 2007).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 2000
LEVEL = 0.95
AT_ONCE = 1 << 21
"""How many drawn numbers are in memory at a time; 16 MB for each of the two arrays."""


class Interval(NamedTuple):
    """A mean and the bounds of its interval."""

    mean: float
    low: float
    high: float


def mean_interval(
    values: ArrayLike, seed: int, clusters: ArrayLike | None = None, draws: int = DRAWS, level: float = LEVEL
) -> Interval:
    """The mean of observations, with a percentile interval.

    Args:
        values: shape (n,), at least one, none missing.
        seed: the same seed gives the same interval.
        clusters: shape (n,), which cluster an observation belongs to; whole clusters are drawn, and the mean is that
            of all observations in those drawn. None: each observation is drawn by itself.
        draws: how many samples are drawn.
        level: the share of their means that lies within the bounds.

    Raises:
        ValueError: no values, missing ones, or not one cluster per value.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
        raise ValueError("values must be a sequence of at least one finite number")
    sums, sizes = _by_cluster(numbers, clusters)
    means = _drawn_means(sums, sizes, seed, draws)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(numbers.mean()), float(low), float(high))


def difference_interval(
    values: ArrayLike,
    others: ArrayLike,
    seed: int,
    clusters: ArrayLike | None = None,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Interval:
    """The mean of ``values - others``, where both were measured on the same cases; as :func:`mean_interval`."""
    one, other = (np.asarray(side, dtype=np.float64) for side in (values, others))
    if one.shape != other.shape:
        raise ValueError(f"a pair needs two sides: there are {one.size} values and {other.size} others")
    return mean_interval(one - other, seed, clusters, draws, level)


def _by_cluster(numbers: NDArray[np.float64], clusters: ArrayLike | None) -> tuple[NDArray, NDArray]:
    """The sum and the number of the observations of each cluster."""
    if clusters is None:
        return numbers, np.ones(numbers.size)
    labels = np.asarray(clusters)
    if labels.shape != numbers.shape:
        raise ValueError(f"there are {numbers.size} values and {labels.size} clusters")
    _, cluster = np.unique(labels, return_inverse=True)
    return np.bincount(cluster, numbers), np.bincount(cluster).astype(np.float64)


def _drawn_means(sums: NDArray, sizes: NDArray, seed: int, draws: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    means = np.empty(draws)
    step = max(1, AT_ONCE // sums.size)
    for start in range(0, draws, step):
        end = min(start + step, draws)
        drawn = random.integers(sums.size, size=(end - start, sums.size))
        means[start:end] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return means
