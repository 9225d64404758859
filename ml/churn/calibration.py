"""From scores to probabilities of the full horizon, and how true they are.

Platt, Probabilistic outputs for support vector machines (1999): a line through the log odds. Two numbers, because a
validation window holds some hundreds of repurchases; isotonic regression would need thousands.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 10
STEPS = 50


class Line(NamedTuple):
    """log odds of the horizon = intercept + slope × score."""

    intercept: float
    slope: float

    def probabilities(self, scores: Floats) -> Floats:
        """Of scores of shape (n,)."""
        return 1 / (1 + np.exp(-(self.intercept + self.slope * scores)))


def fit_line(scores: Floats, labels: Floats) -> Line:
    """The line of largest likelihood, by Newton's method; never falling, so that it keeps the order of the scores.

    Args:
        scores: log odds, shape (n,).
        labels: 0 or 1, shape (n,), both present.
    """
    centre = scores.mean()
    design = np.column_stack([np.ones_like(scores), scores - centre])
    weights = np.array([_log_odds(labels.mean()), 1.0])
    # A weak prior around slope 1 keeps the step finite where scores do not vary.
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (labels - chance) - np.array([0.0, weights[1] - 1.0])
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag([1e-9, 1.0])
        step = np.linalg.solve(curvature, gradient)
        weights = weights + step.clip(-1, 1)
        if np.abs(step).max() < 1e-10:
            break
    slope = max(weights[1], 0.05)
    intercept = weights[0] if slope == weights[1] else _log_odds(labels.mean())
    return Line(float(intercept - slope * centre), float(slope))


class Reliability(NamedTuple):
    """Forecast and outcome by bins of equally many cases, lowest forecasts first; each of shape (b,)."""

    forecast: Floats
    outcome: Floats
    cases: Floats

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of forecast and outcome (Naeini et al., AAAI 2015)."""
        return float(np.average(np.abs(self.forecast - self.outcome), weights=self.cases))


def reliability(probabilities: Floats, labels: Floats, bins: int = BINS) -> Reliability:
    """Bins of equally many cases of shape (n,), n ≥ 1; equal forecasts may lie in two of them."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return Reliability(
        np.array([probabilities[part].mean() for part in parts]),
        np.array([labels[part].mean() for part in parts]),
        np.array([float(len(part)) for part in parts]),
    )


def _log_odds(share: float) -> float:
    return float(np.log(share / (1 - share)))
