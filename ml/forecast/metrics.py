"""How wrong forecasts were; pure functions of actual values and forecasts of the same shape.

Hyndman and Koehler (2006), "Another look at measures of forecast accuracy"; Gneiting and Raftery (2007), "Strictly
proper scoring rules", for the interval score, first given by Winkler (1972).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def _pair(actual: ArrayLike, forecast: ArrayLike) -> tuple[Floats, Floats]:
    one, other = np.asarray(actual, float), np.asarray(forecast, float)
    if one.shape != other.shape or one.size == 0:
        raise ValueError(f"Forecasts of shape {other.shape} cannot be compared with values of shape {one.shape}.")
    return one, other


def wape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Sum of absolute errors over the sum of absolute values; 0 is perfect. NaN where every value is 0."""
    one, other = _pair(actual, forecast)
    total = np.abs(one).sum()
    return float(np.abs(one - other).sum() / total) if total > 0 else float("nan")


def bias(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Sum of forecasts less values over the sum of absolute values; above 0 where too much was forecast."""
    one, other = _pair(actual, forecast)
    total = np.abs(one).sum()
    return float((other - one).sum() / total) if total > 0 else float("nan")


def mase(actual: ArrayLike, forecast: ArrayLike, scale: ArrayLike) -> float:
    """Mean absolute error, each error over its scale.

    Args:
        actual: values.
        forecast: forecasts of them.
        scale: for each, the mean absolute change from week to week in what was known when it was forecast
            (:func:`step`); the same shape, or one number.
    """
    one, other = _pair(actual, forecast)
    return float(np.mean(np.abs(one - other) / np.asarray(scale, float)))


def rmsse(actual: ArrayLike, forecast: ArrayLike, scale: ArrayLike) -> float:
    """Root of the mean squared error, each error over its scale: the root mean squared change (:func:`step`)."""
    one, other = _pair(actual, forecast)
    return float(np.sqrt(np.mean(((one - other) / np.asarray(scale, float)) ** 2)))


def step(known: ArrayLike) -> tuple[float, float]:
    """Mean absolute and root mean squared change from one known week to the next, shape of the input (n,), n > 1."""
    change = np.diff(np.asarray(known, float))
    return float(np.mean(np.abs(change))), float(np.sqrt(np.mean(change**2)))


def r2(actual: ArrayLike, forecast: ArrayLike) -> float:
    """1 less the squared errors over those of the mean of the very values; NaN where they are all the same."""
    one, other = _pair(actual, forecast)
    spread = ((one - one.mean()) ** 2).sum()
    return float(1 - ((one - other) ** 2).sum() / spread) if spread > 0 else float("nan")


def coverage(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Share of values inside their band, bounds included."""
    one, low = _pair(actual, lower)
    _, high = _pair(actual, upper)
    return float(np.mean((low <= one) & (one <= high)))


def interval_score(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike, alpha: float = 0.2) -> float:
    """Mean interval score of central (1 - alpha) bands, in the unit of the values; less is better.

    The width, and 2 / alpha times the distance of each value outside.
    """
    one, low = _pair(actual, lower)
    _, high = _pair(actual, upper)
    outside = np.maximum(low - one, 0) + np.maximum(one - high, 0)
    return float(np.mean(high - low + 2 / alpha * outside))
