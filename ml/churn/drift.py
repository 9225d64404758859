"""Whether the people who are scored still look like those who were learnt from.

Population stability index: Σ (now − then) × ln(now / then) over bins (Siddiqi, Credit Risk Scorecards, 2006). It is
the symmetric Kullback-Leibler divergence of two histograms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ml.churn.examples import Floats

BINS = 10
WATCH, ALARM = 0.1, 0.25
"""From which index on a shift is called moderate, and large: the usual thresholds."""
FEWEST = 1e-4
"""Share that stands for an empty bin, whose logarithm would be infinite."""


def bounds(values: Floats) -> Floats:
    """Bounds between bins of about equally many of the values; fewer bins where values repeat. Shape (≤ BINS -
    1,)."""
    return np.unique(np.quantile(values, np.arange(1, BINS) / BINS))


def shares(values: Floats, between: Floats) -> Floats:
    """The share of values in each bin; a value on a bound is in the bin below. Shape (len(between) + 1,)."""
    counts = np.bincount(np.searchsorted(between, values, side="left"), minlength=len(between) + 1)
    return np.asarray(counts / max(len(values), 1))


def index(then: Sequence[float] | Floats, now: Sequence[float] | Floats) -> float:
    """The population stability index of two lists of shares; 0 where they are equal, the same in both directions."""
    one, other = (np.maximum(np.asarray(side, dtype=np.float64), FEWEST) for side in (then, now))
    return float(((other - one) * np.log(other / one)).sum())


def level(psi: float) -> str:
    """In words: ``stable``, ``watch`` or ``alarm``."""
    return "alarm" if psi > ALARM else "watch" if psi > WATCH else "stable"


def profile(frame: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    """Bounds and shares by column, to be kept beside a model."""
    return {
        str(name): {
            "bounds": (between := bounds(values.to_numpy())).tolist(),
            "shares": shares(values, between).tolist(),
        }
        for name, values in frame.items()
    }


def compare(
    then: Mapping[str, Mapping[str, Sequence[float]]], now: pd.DataFrame, scores: Sequence[str]
) -> pd.DataFrame:
    """Rows of ``ml.drift``: kind, feature, psi, level; of the columns that a profile has, in its order."""
    rows = []
    for name, before in then.items():
        psi = index(before["shares"], shares(now[name].to_numpy(), np.asarray(before["bounds"])))
        rows.append(("score" if name in scores else "feature", name, psi, level(psi)))
    return pd.DataFrame(rows, columns=["kind", "feature", "psi", "level"])
